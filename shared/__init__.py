"""What two services need, or what is law for all."""

VERSION = "0.1.0"  # the one version of everything here; pyproject.toml takes it from here
