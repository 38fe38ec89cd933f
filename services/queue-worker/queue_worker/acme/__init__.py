"""Certificates from an authority (ACME, RFC 8555), asked for by one worker of all."""
