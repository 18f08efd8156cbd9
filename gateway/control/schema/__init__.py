"""The bodies of the control plane as models: the same ones validate and describe."""
