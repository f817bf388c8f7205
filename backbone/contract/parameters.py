"""A query string says only what its reader understands: an unknown parameter is refused by its name. Pure."""

from collections.abc import Collection, Iterable

from backbone.contract.errors import FieldError, Problem, Violation

MAX_NAMED = 50


def refuse_unknown_parameters(
    given: Iterable[tuple[str, str]], known: Collection[str], problem: Problem = Problem.INVALID_FIELDS
) -> None:
    """Refuse parameters that are not `known`, and those given twice.

    Raises:
        Violation: `problem`, naming each of them.
    """
    errors: dict[str, str] = {}
    seen: set[str] = set()
    for name, _ in given:
        if name not in known:
            errors[name] = f"is not a parameter of this; known: {', '.join(sorted(known)) or 'none'}"
        elif name in seen:
            errors[name] = "is given twice"
        seen.add(name)
    if errors:
        named = [FieldError(name[:100], message) for name, message in list(errors.items())[:MAX_NAMED]]
        raise Violation(problem, "Wrong: " + ", ".join(error.loc for error in named[:5]), tuple(named))
