"""An installation: data directory, root key, database, first admin token.

Rule: opening either succeeds whole or changes nothing that a next start could
not take up; whatever is wrong is one sentence with the way to mend it.
"""

from gateway.installation.crypto import (
    CryptoStatus,
    FailedRecord,
    TermStatus,
    VerifyReport,
    crypto_status,
    crypto_verify,
)
from gateway.installation.files import get_database_path, get_key_path
from gateway.installation.opening import Installation, open_installation
from gateway.installation.recovery import recover_admin_token

__all__ = [
    "CryptoStatus",
    "FailedRecord",
    "Installation",
    "TermStatus",
    "VerifyReport",
    "crypto_status",
    "crypto_verify",
    "get_database_path",
    "get_key_path",
    "open_installation",
    "recover_admin_token",
]
