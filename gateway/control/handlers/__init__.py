"""Handlers: a checked `Call` becomes a call of the service, its result an `Answer`."""
