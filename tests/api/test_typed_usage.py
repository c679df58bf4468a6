"""What mypy finds right also runs."""

from tests.api.typed_usage import use


def test_the_typed_example_runs():
    use()
