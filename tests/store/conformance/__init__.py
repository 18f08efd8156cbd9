"""What every store must do, whatever its engine.

A backend's test module subclasses each class and provides the fixtures
`open_store` (an async function: another store on the same database),
`store` (the first one) and `statements` (a list of the statements sent by it).
"""

from tests.store.conformance.changes import Changes
from tests.store.conformance.endpoints import Configuration, Endpoints
from tests.store.conformance.history import Admin, Usage
from tests.store.conformance.life import Life, Uses
from tests.store.conformance.models import ApiKeys, Bindings, ModelDefinitions
from tests.store.conformance.paging import Paging
from tests.store.conformance.rotation import Rotations
from tests.store.conformance.secrets import Secrets, Vault
from tests.store.conformance.transactions import Transactions
from tests.store.conformance.versions import Versions

__all__ = [
    "Admin",
    "ApiKeys",
    "Bindings",
    "Changes",
    "Configuration",
    "Endpoints",
    "Life",
    "ModelDefinitions",
    "Paging",
    "Rotations",
    "Secrets",
    "Transactions",
    "Usage",
    "Uses",
    "Vault",
    "Versions",
]
