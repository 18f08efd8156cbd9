"""The vault: provider keys, sealed so that only the holder of the root key reads them.

``aead`` (primitives) < ``format`` (bytes) < ``keyring`` (root key and terms),
``passphrase`` < ``envelope`` (seal and open) < ``configs`` (opened, in memory).
docs/vault-format.md describes the bytes.

Rule: no I/O and no clock in here; rows and files come and go as values.
"""
