"""What keeps device tokens behind IMAP must do: the contract of `imap.store.Tokens` as tests.

Derive from `TokensContract` in a test module and give it fixtures `tokens` and `account_id`.
"""

from imap.store import Tokens

from shared.policy.push import MAX_TOKENS


class TokensContract:
    async def test_there_are_none(self, tokens: Tokens, account_id: int) -> None:
        assert list(await tokens.tokens(account_id)) == []

    async def test_they_stay_in_the_order_in_which_they_came(self, tokens: Tokens, account_id: int) -> None:
        for token in (b"z", b"a", b"m", b"z"):
            await tokens.set_token(account_id, token)
        assert list(await tokens.tokens(account_id)) == [b"z", b"a", b"m"]

    async def test_the_longest_is_kept_whole(self, tokens: Tokens, account_id: int) -> None:
        token = bytes(33 + number * 7919 % 94 for number in range(4096))
        await tokens.set_token(account_id, token)
        assert list(await tokens.tokens(account_id)) == [token]

    async def test_of_too_many_the_one_set_longest_ago_goes(self, tokens: Tokens, account_id: int) -> None:
        names = [b"token-%d" % number for number in range(MAX_TOKENS)]
        for name in [*names, names[0], b"new"]:
            await tokens.set_token(account_id, name)
        assert list(await tokens.tokens(account_id)) == [names[0], *names[2:], b"new"]

    async def test_all_are_forgotten_and_others_are_not(self, tokens: Tokens, account_id: int) -> None:
        await tokens.set_token(account_id, b"one")
        await tokens.set_token(account_id, b"two")
        await tokens.forget_tokens(account_id + 1_000_000)
        assert len(await tokens.tokens(account_id)) == 2
        await tokens.forget_tokens(account_id)
        assert list(await tokens.tokens(account_id)) == []
