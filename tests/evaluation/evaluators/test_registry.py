"""The evaluators: one for each task, in the file that its name says."""

from dataclasses import fields

import pytest

from llmcli.evaluation.evaluators import evaluator_of
from llmcli.spec.evaluation import EVALUATION_TASKS, EvaluateOptions


@pytest.mark.parametrize("task", EVALUATION_TASKS)
def test_each_task_has_an_evaluator_of_its_name(task):
    assert evaluator_of(task).task == task


def test_options_of_one_task_name_a_task_that_there_is():
    named = {option.metadata.get("task") for option in fields(EvaluateOptions)} - {None}
    assert named and named <= set(EVALUATION_TASKS)
