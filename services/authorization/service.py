"""The service's operations, without gRPC: each method is one call of proto/auth.proto.

Every method raises errors of errors.py and may be repeated after any of them. An acknowledged change is committed;
an acknowledged end of a session or an account is also announced (revocations.py).
"""

from dataclasses import dataclass

import structlog
from sqlalchemy.exc import IntegrityError

from services.authorization import account_store, metrics, session_store
from services.authorization.account_store import Credentials
from services.authorization.bearers import Bearer, Bearers, parse_session_id
from services.authorization.client import Client
from services.authorization.database import Database
from services.authorization.devices import DeviceTokens
from services.authorization.errors import (
    BusyError,
    InvalidAccessTokenError,
    InvalidRefreshTokenError,
    NameTakenError,
    SessionNotFoundError,
    UnavailableError,
    WrongCredentialsError,
)
from services.authorization.grants import Grants
from services.authorization.limits import Limits
from services.authorization.names import lookup_key, name_key, normal_name
from services.authorization.passwords import Hasher, new_password_bytes, password_forms
from services.authorization.revocations import Announcer, ended_now
from services.authorization.session_store import Session
from services.authorization.sessions import SessionPolicy, Verdict, judge
from services.authorization.tokens import refresh_token_hash
from services.common.tokens import Login, Tokens

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Authorization:
    """Accounts, sessions and tokens."""

    database: Database
    hasher: Hasher
    limits: Limits
    devices: DeviceTokens
    bearers: Bearers
    grants: Grants
    announcer: Announcer
    policy: SessionPolicy

    async def register(self, name: str, password: str, client: Client) -> int:
        """The id of a new account."""
        key, encoded = name_key(name), new_password_bytes(password)
        await self.limits.register(client)
        async with self.database.transaction() as connection:
            if await account_store.name_exists(connection, key):
                raise NameTakenError
        password_hash = await self.hasher.make_hash(encoded)
        async with self.database.storing() as connection:
            user_id = await account_store.add_account(connection, normal_name(name), key, password_hash)
        if user_id is None:
            raise NameTakenError
        return user_id

    async def login(
        self, name: str, password: str, client: Client, devices: str = "", replaced_token: str | None = None
    ) -> Login:
        """A new session. An unknown name takes the same way, work and answer as a wrong password.

        `devices` is what the browser holds of device tokens; `replaced_token` is the refresh token that it holds, whose
        session ends with this login.
        """
        key, forms = lookup_key(name), password_forms(password)
        await self.limits.login(key, client, self.devices.recognize(devices, key))
        async with self.database.transaction() as connection:
            known = await account_store.find_credentials(connection, key)
        matched = await self.hasher.find_match(forms, known.password_hash if known else None)
        if known is None or matched is None:
            raise WrongCredentialsError
        if matched != forms[0] or self.hasher.is_weaker(known.password_hash):
            await self._rehash(known, forms[0])
        tokens = await self._open_session(known, client, replaced_token)
        return Login(tokens, self.devices.renew(devices, key))

    async def refresh(self, token: str | None, user_id: str | None, client: Client) -> Tokens:
        """The successor of a refresh token. `user_id` must be its owner's; None and "0" mean unknown."""
        if not token:
            raise InvalidRefreshTokenError
        await self.limits.refresh(client)
        token_hash = refresh_token_hash(token)
        async with self.database.storing() as connection:
            member = await session_store.lock_family(connection, token_hash)
            if member is None:
                raise InvalidRefreshTokenError
            verdict = judge(member.token, self.policy)
            if verdict is Verdict.REUSE:
                await session_store.revoke(connection, member.user_id, [member.session_id])
            elif verdict is Verdict.OVER or user_id not in (None, "0", str(member.user_id)):
                raise InvalidRefreshTokenError
            else:
                return await self.grants.rotate(connection, member, token_hash, verdict, client)
        metrics.TOKENS_REUSED.inc()
        log.warning("refresh.reused", user_id=member.user_id, session_id=str(member.session_id))
        await self.announcer.announce([ended_now(member.user_id, member.session_id)])
        raise InvalidRefreshTokenError

    async def logout(self, token: str | None, access_token: str | None) -> None:
        """End the session of a refresh token, spent or not, and that of the access token if one is given.

        An expired access token counts as none. One of another user ends nothing.
        """
        if not token:
            raise InvalidRefreshTokenError
        bearer = self.bearers.identify_unless_expired(access_token)
        async with self.database.transaction() as connection:
            found = await session_store.find_session_of_token(connection, refresh_token_hash(token))
            if found is None:
                raise InvalidRefreshTokenError
            session_id, user_id = found
            if bearer is not None and bearer.user_id != user_id:
                raise InvalidRefreshTokenError
            ended = {session_id}
            if bearer is not None and bearer.session_id is not None:
                ended.add(bearer.session_id)
            await session_store.revoke(connection, user_id, ended)
        await self.announcer.announce([ended_now(user_id, each) for each in ended])

    async def verify(self, access_token: str | None) -> tuple[Bearer, str]:
        """Whose the access token is, with the account's name, if account and session still are."""
        bearer = self.bearers.identify(access_token)
        async with self.database.transaction() as connection:
            return bearer, await self.bearers.require_holder(connection, bearer)

    async def delete_account(self, access_token: str | None) -> None:
        """Remove the caller's account with all its sessions. Succeeds again for an account that is gone."""
        bearer = self.bearers.identify(access_token)
        async with self.database.transaction() as connection:
            holder = await account_store.find_holder(connection, bearer.user_id, bearer.session_id, self.policy)
            if holder is not None and not holder.session_active:
                raise InvalidAccessTokenError
            await account_store.remove_account(connection, bearer.user_id)
        await self.announcer.announce([ended_now(bearer.user_id)])

    async def list_sessions(self, access_token: str | None) -> tuple[Bearer, list[Session]]:
        """The caller's active sessions."""
        bearer = self.bearers.identify(access_token)
        async with self.database.transaction() as connection:
            await self.bearers.require_holder(connection, bearer)
            return bearer, await session_store.list_active(connection, bearer.user_id, self.policy)

    async def revoke_session(self, access_token: str | None, session_id: str) -> None:
        """End one of the caller's sessions. A session may end itself, and may repeat the request."""
        bearer = self.bearers.identify(access_token)
        target = parse_session_id(session_id)
        if target is None:
            raise SessionNotFoundError
        async with self.database.transaction() as connection:
            if target != bearer.session_id:
                await self.bearers.require_holder(connection, bearer)
            if not await session_store.owns_session(connection, bearer.user_id, target):
                raise SessionNotFoundError
            await session_store.revoke(connection, bearer.user_id, [target])
        await self.announcer.announce([ended_now(bearer.user_id, target)])

    async def _rehash(self, known: Credentials, password: bytes) -> None:
        """Replace a hash of the old kind. What stands in the way now is tried again at the next login."""
        try:
            password_hash = await self.hasher.make_hash(password)
            async with self.database.transaction() as connection:
                await account_store.replace_hash(connection, known.user_id, known.password_hash, password_hash)
        except (BusyError, UnavailableError) as error:
            log.warning("password.not_rehashed", user_id=known.user_id, reason=error.slug)

    async def _open_session(self, known: Credentials, client: Client, replaced_token: str | None) -> Tokens:
        try:
            async with self.database.storing() as connection:
                tokens, ended = await self.grants.open_session(connection, known, client, replaced_token)
        except IntegrityError as error:  # the account went while its password was checked
            raise WrongCredentialsError from error
        await self.announcer.announce([ended_now(*each) for each in ended])
        return tokens
