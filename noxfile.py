"""What continuous integration runs: `nox`, or one of them, `nox -s tests`."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True


def install(session: nox.Session) -> None:
    session.install("-c", "constraints.txt", "-e", ".[test]")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting and types."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, or those that are named: `nox -s tests -- tests/rerank`."""
    install(session)
    session.run("pytest", *session.posargs)


@nox.session
def site(session: nox.Session) -> None:
    """The documentation, in site/."""
    install(session)
    session.run("mkdocs", "build", "--strict")
