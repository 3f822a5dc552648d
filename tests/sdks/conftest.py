"""What the judges share: the seed that their cases are drawn by, and one evaluator in Go for all tests."""

import pytest

from tests.sdks import in_go_feature_flag


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    """The seed of this run, for messages; pytest-randomly has seeded `random` with it."""
    return int(pytestconfig.getoption("randomly_seed"))


@pytest.fixture(scope="session")
def go_feature_flag() -> in_go_feature_flag.Judge:
    return in_go_feature_flag.Judge()
