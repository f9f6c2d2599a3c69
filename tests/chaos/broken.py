"""Which promise was broken, and how does it show?"""


class Broken(AssertionError):
    """`invariant` by its number in docs/reliability.md."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant, self.detail = invariant, detail
