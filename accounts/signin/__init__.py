"""How people sign in: second factors, passkeys, single sign-on, where they are signed in, when they are asked again."""
