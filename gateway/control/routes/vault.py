"""Operations of /vault: its keys and their rotation. No value of a credential comes near them."""

from __future__ import annotations

from gateway.control.call import Operation, Policy
from gateway.control.handlers import vault
from gateway.control.schema import vault as vault_schema

VAULT = (
    Operation(
        method="GET",
        path="/vault",
        name="getVault",
        summary="Read the vault's key terms, their records, who has loaded them, and advice",
        tag="vault",
        policy=Policy.READ,
        handler=vault.get_vault,
        answers={200: vault_schema.Vault},
    ),
    Operation(
        method="GET",
        path="/vault/rotation",
        name="getRotation",
        summary="Read how far the newest rotation of the key-encryption key is",
        tag="vault",
        policy=Policy.READ,
        handler=vault.get_rotation,
        answers={200: vault_schema.Rotation},
    ),
    Operation(
        method="POST",
        path="/vault/rotation",
        name="startRotation",
        summary="Rotate the key-encryption key while traffic flows, or finish what has begun",
        tag="vault",
        policy=Policy.ADMIN,
        handler=vault.start_rotation,
        answers={200: vault_schema.RotationPlan, 202: vault_schema.Rotation},
        body=vault_schema.RotationStart,
        body_required=False,
        errors=frozenset({409}),
    ),
)
