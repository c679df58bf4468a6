"""McNemar's test: are two models right equally often on the same rows?"""

import math


def mcnemar(only_first: int, only_second: int) -> float:
    """The p-value of the null hypothesis that both models are right equally often.

    only_first, only_second: the numbers of rows on which one model alone is right. Exact and
    two-sided: twice the tail of a binomial distribution with p = 1/2. Source: McNemar 1947.

    >>> mcnemar(1, 5)
    0.21875
    """
    n, k = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    if n <= 1000:
        return min(1.0, float(2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n))
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k + 1)]
    return min(1.0, 2 * math.fsum(math.exp(log - n * math.log(2)) for log in logs))
