"""The service's operations, without gRPC: each method is one call of proto/auth.proto.

Every method raises errors of errors.py and may be repeated after any of them. An acknowledged change is committed;
an acknowledged end of a session or an account is also announced (revocations.py).
"""

import uuid
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.authorization import account_store, metrics, session_store
from services.authorization.account_store import Credentials
from services.authorization.client import Client
from services.authorization.database import Database
from services.authorization.devices import DeviceTokens
from services.authorization.errors import (
    BusyError,
    ExpiredAccessTokenError,
    InvalidAccessTokenError,
    InvalidRefreshTokenError,
    NameTakenError,
    SessionNotFoundError,
    UnavailableError,
    WrongCredentialsError,
)
from services.authorization.limits import Limits
from services.authorization.names import lookup_key, name_key, normal_name
from services.authorization.passwords import Hasher, new_password_bytes, password_forms
from services.authorization.revocations import Announcer, ended_now
from services.authorization.session_store import FamilyMember, Session
from services.authorization.sessions import SessionPolicy, Verdict, judge
from services.authorization.tokens import AccessTokenIssuer, new_refresh_token, refresh_token_hash
from services.common.tokens import ExpiredTokenError, InvalidTokenError, Login, Tokens, TokenVerifier

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose a valid access token is. `session_id` is None in the Go original's tokens."""

    user_id: int
    session_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Authorization:
    """Accounts, sessions and tokens."""

    database: Database
    hasher: Hasher
    limits: Limits
    devices: DeviceTokens
    issuer: AccessTokenIssuer
    verifier: TokenVerifier
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
        async with self.database.transaction() as connection:
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
        async with self.database.transaction() as connection:
            member = await session_store.lock_family(connection, token_hash)
            if member is None:
                raise InvalidRefreshTokenError
            verdict = judge(member.token, self.policy)
            if verdict is Verdict.REUSE:
                await session_store.revoke(connection, member.user_id, [member.session_id])
            elif verdict is Verdict.OVER or user_id not in (None, "0", str(member.user_id)):
                raise InvalidRefreshTokenError
            else:
                return await self._rotate(connection, member, token_hash, verdict, client)
        metrics.tokens_reused.inc()
        log.warning("refresh.reused", user_id=member.user_id, session_id=str(member.session_id))
        await self.announcer.announce([ended_now(member.user_id, member.session_id)])
        raise InvalidRefreshTokenError

    async def logout(self, token: str | None, access_token: str | None) -> None:
        """End the session of a refresh token, spent or not, and that of the access token if one is given.

        An expired access token counts as none. One of another user ends nothing.
        """
        if not token:
            raise InvalidRefreshTokenError
        bearer = self._bearer_unless_expired(access_token) if access_token else None
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
        bearer = self._bearer(access_token)
        async with self.database.transaction() as connection:
            return bearer, await self._holder_name(connection, bearer)

    async def delete_account(self, access_token: str | None) -> None:
        """Remove the caller's account with all its sessions. Succeeds again for an account that is gone."""
        bearer = self._bearer(access_token)
        async with self.database.transaction() as connection:
            holder = await account_store.find_holder(connection, bearer.user_id, bearer.session_id, self.policy)
            if holder is not None and not holder.session_active:
                raise InvalidAccessTokenError
            await account_store.remove_account(connection, bearer.user_id)
        await self.announcer.announce([ended_now(bearer.user_id)])

    async def list_sessions(self, access_token: str | None) -> tuple[Bearer, list[Session]]:
        """The caller's active sessions."""
        bearer = self._bearer(access_token)
        async with self.database.transaction() as connection:
            await self._holder_name(connection, bearer)
            return bearer, await session_store.list_active(connection, bearer.user_id, self.policy)

    async def revoke_session(self, access_token: str | None, session_id: str) -> None:
        """End one of the caller's sessions. A session may end itself, and may repeat the request."""
        bearer = self._bearer(access_token)
        target = _parse_session_id(session_id)
        if target is None:
            raise SessionNotFoundError
        async with self.database.transaction() as connection:
            if target != bearer.session_id:
                await self._holder_name(connection, bearer)
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
        user_id, refresh = known.user_id, new_refresh_token()
        try:
            async with self.database.transaction() as connection:
                session_id = await session_store.add_session(connection, user_id, client, self.policy)
                await session_store.add_refresh_token(connection, session_id, refresh_token_hash(refresh))
                surplus = await session_store.surplus_sessions(connection, user_id, self.policy)
                await session_store.revoke(connection, user_id, surplus)
                ended = [(user_id, each) for each in surplus]
                ended += await self._end_replaced(connection, replaced_token)
                # Signed before the commit: a deletion waits for our locks, so its date is never before the token's.
                pair = Tokens(self.issuer.issue(user_id, known.name, session_id), refresh)
        except IntegrityError as error:  # the account went while its password was checked
            raise WrongCredentialsError from error
        await self.announcer.announce([ended_now(*each) for each in ended])
        return pair

    async def _end_replaced(self, connection: AsyncConnection, token: str | None) -> list[tuple[int, uuid.UUID]]:
        """End the session of `token`, of any user: its bearer has a new one now. Returns user and session, if any."""
        found = await session_store.find_session_of_token(connection, refresh_token_hash(token)) if token else None
        if found is None:
            return []
        session_id, user_id = found
        await session_store.revoke(connection, user_id, [session_id])
        return [(user_id, session_id)]

    async def _rotate(
        self, connection: AsyncConnection, member: FamilyMember, token_hash: bytes, verdict: Verdict, client: Client
    ) -> Tokens:
        if verdict is Verdict.GRACE:
            await session_store.count_grace_use(connection, token_hash)
        else:
            await session_store.spend(connection, token_hash)
            await session_store.supersede(connection, member.session_id, token_hash, self.policy)
        refresh = new_refresh_token()
        await session_store.add_refresh_token(connection, member.session_id, refresh_token_hash(refresh), token_hash)
        await session_store.touch(connection, member.session_id, client)
        return Tokens(self.issuer.issue(member.user_id, member.name, member.session_id), refresh)

    async def _holder_name(self, connection: AsyncConnection, bearer: Bearer) -> str:
        holder = await account_store.find_holder(connection, bearer.user_id, bearer.session_id, self.policy)
        if holder is None or not holder.session_active:
            raise InvalidAccessTokenError
        return holder.name

    def _bearer(self, access_token: str | None) -> Bearer:
        try:
            claims = self.verifier.verify(access_token or "")
        except ExpiredTokenError as error:
            raise ExpiredAccessTokenError from error
        except InvalidTokenError as error:
            raise InvalidAccessTokenError from error
        if claims.session_id is None:
            return Bearer(claims.user_id, None)
        session_id = _parse_session_id(claims.session_id)
        if session_id is None:
            raise InvalidAccessTokenError
        return Bearer(claims.user_id, session_id)

    def _bearer_unless_expired(self, access_token: str) -> Bearer | None:
        try:
            return self._bearer(access_token)
        except ExpiredAccessTokenError:
            return None


def _parse_session_id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
