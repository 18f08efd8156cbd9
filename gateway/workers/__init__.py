"""The processes of `lockgate serve`: a parent that decides and N workers that serve.

The parent holds the installation, writes the database and answers the control plane; each worker
is one data plane. They talk over a private socketpair (`channel`) and pass open connections to
each other (`descriptors`).

Rule: a worker never gets the root key and never touches the database; what it says is data to the
parent, never code. This file imports nothing: a worker loads only what it needs.
"""
