"""The composition root: opens what the service stands on, puts its parts together, serves."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from services.common.connections import ConnectionLimits, max_public_connections
from services.common.database import check_engine, create_engine
from services.common.grpc import open_channel
from services.common.http import listen, serve_http
from services.common.lifecycle import Lifecycle
from services.common.redis import check_redis, open_redis
from services.common.tokens import TokenVerifier
from services.profile.access.callers import Access
from services.profile.access.cookies import is_plain_and_remote
from services.profile.access.revocations import Revocations
from services.profile.access.tickets import Tickets
from services.profile.accounts import Accounts
from services.profile.api import build_api
from services.profile.live.limits import LiveLimits
from services.profile.live.manager import ConnectionManager
from services.profile.live.push import WEBSOCKET_OPTIONS, PushProtocol
from services.profile.portfolio.loading import PortfolioLoader
from services.profile.portfolio.store import PortfolioStore
from services.profile.routes.dependencies import Services
from services.profile.settings import ProfileSettings
from services.profile.upstream.aggregator_client import Aggregator, open_client
from services.profile.upstream.authorization_client import Authorization
from services.profile.upstream.dashboard_client import open_market
from services.profile.upstream.holdings import Holdings
from services.profile.upstream.leases import Leases, draw_follower_id

log = structlog.get_logger()


@asynccontextmanager
async def app(settings: ProfileSettings, life: Lifecycle) -> AsyncIterator[None]:
    """The running service. Leaving it closes websockets (1012), lets requests finish, then closes the rest."""
    async with AsyncExitStack() as stack:
        _log_plain_origins(settings)
        sock = listen(settings.http_host, settings.http_port)
        stack.callback(sock.close)
        services = await _open_services(settings, life, stack)
        await stack.enter_async_context(
            serve_http(
                build_api(services),
                sock,
                ws=PushProtocol,
                **WEBSOCKET_OPTIONS,
                limits=ConnectionLimits(max_public_connections()),
                trusted_proxies=settings.trusted_proxies,
            )
        )
        stack.push_async_callback(services.manager.drain)
        log.info("http.listening", host=settings.http_host, port=sock.getsockname()[1])
        yield


def _log_plain_origins(settings: ProfileSettings) -> None:
    """Name the origins on which a password and a session travel unencrypted, or last until a page is reloaded."""
    plain = sorted(origin for origin in settings.public_origins if is_plain_and_remote(origin))
    if plain and settings.insecure_cookies:
        log.warning("cookies.insecure", origins=plain, hint="sessions can be read on the way: use HTTPS")
    elif plain:
        log.warning(
            "cookies.not_kept",
            origins=plain,
            hint="a login there lasts until the page is reloaded: use HTTPS, or set INSECURE_COOKIES=true in a network "
            "that you trust",
        )


async def _open_services(settings: ProfileSettings, life: Lifecycle, stack: AsyncExitStack) -> Services:
    engine = create_engine(settings.database_url)
    stack.push_async_callback(engine.dispose)
    redis = open_redis(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    channel = open_channel(settings.authorization_target)
    stack.push_async_callback(channel.close)
    http = await stack.enter_async_context(open_client(str(settings.aggregator_url)))
    market = await stack.enter_async_context(
        open_market(settings.dashboard_url, settings.dashboard_timeout_s, settings.limit_market)
    )

    store = PortfolioStore(engine)
    portfolios, revocations, tickets = PortfolioLoader(store), Revocations(redis), Tickets(redis)
    for batches, name in ((portfolios, "portfolios"), (revocations, "revocations"), (tickets, "tickets")):
        await stack.enter_async_context(life.background(batches.run(), name))
    limits = LiveLimits(max_clients_per_user=settings.max_websockets_per_user)
    manager = ConnectionManager(settings.redis_url, portfolios.load, limits)
    await stack.enter_async_context(manager.running())
    aggregator = Aggregator(http, draw_follower_id(), settings.aggregator_timeout_s)
    leases = Leases(aggregator, manager.symbols, settings.lease_interval_s)
    await stack.enter_async_context(leases.running(life))
    holder = Aggregator(http, draw_follower_id(), settings.aggregator_timeout_s)

    async def held_pairs(most: int) -> frozenset[str]:
        """What can be streamed of what is held: assets by themselves are priced by pairs that documents name."""
        return frozenset(s for s in await store.held_symbols(most) if manager.graph.bare_asset(s) is None)

    holdings = Holdings(holder, held_pairs, settings.lease_interval_s)
    await stack.enter_async_context(life.background(holdings.run(), "holdings"))

    # Authorization and the aggregator are missing on purpose: without them, users who are logged in are still served.
    life.health.add_check("database", partial(check_engine, engine))
    life.health.add_check("redis", partial(check_redis, redis))
    life.health.add_check("live", manager.check)

    authorization = Authorization(channel, settings.authorization_timeout_s)
    access = Access(TokenVerifier(settings.jwt_keys, settings.jwt_accept_minimal), revocations)
    return Services(
        settings=settings,
        store=store,
        authorization=authorization,
        accounts=Accounts(authorization, store, portfolios, access),
        access=access,
        tickets=tickets,
        leases=leases,
        holdings=holdings,
        market=market,
        manager=manager,
        redis=redis,
    )
