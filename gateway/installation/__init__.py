"""An installation: data directory, root key, database, first admin token.

Rule: opening either succeeds whole or changes nothing that a next start could
not take up; whatever is wrong is one sentence with the way to mend it.
"""

from gateway.installation.crypto import (
    CryptoStatus,
    FailedRecord,
    RotationPlan,
    TermStatus,
    VerifyReport,
    crypto_status,
    crypto_verify,
    plan_rotation,
)
from gateway.installation.files import get_database_path, get_key_path
from gateway.installation.neighbours import Seat, take_seat
from gateway.installation.opening import Installation, open_installation
from gateway.installation.recovery import recover_admin_token

__all__ = [
    "CryptoStatus",
    "FailedRecord",
    "Installation",
    "RotationPlan",
    "Seat",
    "TermStatus",
    "VerifyReport",
    "crypto_status",
    "crypto_verify",
    "get_database_path",
    "get_key_path",
    "open_installation",
    "plan_rotation",
    "recover_admin_token",
    "take_seat",
]
