"""Prints what to install into a development environment: the requirements in pyproject.toml for
building, running and testing, and the tools that the Makefile calls."""

import tomllib

with open("pyproject.toml", "rb") as file:
    pyproject = tomllib.load(file)

print(*pyproject["build-system"]["requires"], sep="\n")
print(*pyproject["project"]["dependencies"], sep="\n")
print(*pyproject["project"]["optional-dependencies"]["dev"], sep="\n")
