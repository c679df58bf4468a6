"""The library by which CTranslate2 multiplies matrices: Intel's MKL, or those that it brings."""

import os
import sys

from llmcli.spec import Dtype

VARIABLE = "CT2_USE_MKL"


def choose_library(dtype: Dtype, *, reads_file: bool) -> None:
    """Choose the library before CTranslate2 is loaded, unless the user has chosen.

    It takes MKL on Intel's processors. MKL keeps each float32 weight twice: for one text, GPT-2 of
    124 million parameters takes 1,111 MB in place of 572, and 7.6 s in place of 5.4 (Xeon with
    AMX). In int8 and for batches MKL is faster there. On an AMD EPYC without AVX-512, where
    CTranslate2 does not take MKL by itself, MKL takes twice the time and memory in float32, and 10
    times the time in int8.
    """
    if VARIABLE in os.environ or "ctranslate2" in sys.modules:
        return
    if dtype != "int8" and not reads_file:
        os.environ[VARIABLE] = "0"
