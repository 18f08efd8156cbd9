"""A login of people of an identity provider: OpenID Connect, authorization code with PKCE.

Rule: what the provider says counts only signed by it, for us, for this login, and now.
"""
