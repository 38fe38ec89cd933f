"""Asking the DNS: one Resolver for whoever needs an answer, with plain values coming out."""
