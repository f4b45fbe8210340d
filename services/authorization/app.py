"""The composition root: everything is opened here, in the order in which it is needed, and closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

from proto.auth_pb2_grpc import add_AuthServicer_to_server
from services.authorization.bearers import Bearers
from services.authorization.database import Database
from services.authorization.devices import DeviceTokens
from services.authorization.grants import Grants
from services.authorization.interceptor import CallInterceptor
from services.authorization.limits import Limits
from services.authorization.passwords import open_hasher
from services.authorization.revocations import Announcer
from services.authorization.service import Authorization
from services.authorization.servicer import SERVICE_NAME, AuthServicer
from services.authorization.sessions import SessionPolicy
from services.authorization.settings import AuthorizationSettings
from services.authorization.storage import Storage
from services.authorization.sweeps import Sweeps, repeat
from services.authorization.tokens import AccessTokenIssuer
from services.common.database import create_engine
from services.common.grpc import serve_grpc
from services.common.lifecycle import Lifecycle
from services.common.redis import check_redis, open_redis
from services.common.signing import Signer, signing_order
from services.common.tokens import TokenVerifier

CONCURRENT_RPCS_MAX = 1_000


@asynccontextmanager
async def app(settings: AuthorizationSettings, life: Lifecycle) -> AsyncIterator[None]:
    """The running service. It starts whether or not its dependencies answer; readiness names those that do not."""
    async with AsyncExitStack() as stack:
        storage = Storage()
        database = Database(create_engine(settings.database_url), storage)
        stack.push_async_callback(database.engine.dispose)
        redis = open_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        hasher = await stack.enter_async_context(
            open_hasher(settings.hash_threads, settings.hash_waiting_max, settings.bcrypt_cost)
        )
        policy = _policy(settings)
        announcer = Announcer(redis, settings.access_lifetime_s)
        sweeps = Sweeps(database, announcer, policy)
        authorization = Authorization(
            database=database,
            hasher=hasher,
            limits=Limits(redis, settings, storage),
            devices=DeviceTokens(
                Signer(signing_order(settings.jwt_keys, settings.jwt_active_kid), purpose="device token")
            ),
            bearers=Bearers(TokenVerifier(settings.jwt_keys, settings.jwt_accept_minimal), policy),
            grants=Grants(
                AccessTokenIssuer(settings.jwt_keys, settings.jwt_active_kid, settings.access_lifetime_s), policy
            ),
            announcer=announcer,
            policy=policy,
        )
        life.health.add_check("database", database.check)
        life.health.add_check("redis", partial(check_redis, redis))
        life.health.add_check("storage", storage.check)
        announcing = repeat("announce", sweeps.announce_unknown, settings.announce_interval_s)
        purging = repeat("purge", sweeps.purge, settings.purge_interval_s)
        await stack.enter_async_context(life.background(announcing, "announce"))
        await stack.enter_async_context(life.background(purging, "purge"))
        await stack.enter_async_context(
            serve_grpc(
                partial(add_AuthServicer_to_server, AuthServicer(authorization)),
                [SERVICE_NAME],
                settings.grpc_address,
                interceptors=[CallInterceptor()],
                max_concurrent_rpcs=CONCURRENT_RPCS_MAX,
            )
        )
        yield


def _policy(settings: AuthorizationSettings) -> SessionPolicy:
    return SessionPolicy(
        lifetime=timedelta(seconds=settings.session_lifetime_s),
        idle=timedelta(seconds=settings.session_idle_s),
        grace=timedelta(seconds=settings.refresh_grace_s),
        sessions_per_user_max=settings.sessions_per_user_max,
    )
