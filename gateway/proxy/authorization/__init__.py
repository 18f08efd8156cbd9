"""Credentials that are not the same line on every request: fetched as a token, or signed with.

`kept` holds a value that is fetched by one at a time and renewed before its end; `exchange` trades
a credential for a token over our own connections; `google`, `entra` and `aws` say what each vendor
wants; `chains` asks the machine; `table` keeps one of these per stored credential.

Rule: nothing here shows a value in a repr, a log or an error; a token is worth as much as the key
it was made of, and is struck out of answers like one.
"""

from gateway.proxy.authorization.request import Authorization, authorize
from gateway.proxy.authorization.table import Authorizations

__all__ = ["Authorization", "Authorizations", "authorize"]
