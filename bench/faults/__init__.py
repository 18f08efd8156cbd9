"""Every fault of an upstream in every form of answer, looked at from outside of a real gateway."""
