/** Errors of a request, and the sentence shown for each: by the stable `code`, in the user's language. */
import { messages, translator } from '../lib/i18n.svelte';

/** An answer that is an error, or no answer (`code` is `offline` or `timeout` then, `status` 0). */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    /** The server's own sentence, in English: for codes that this page does not know. */
    readonly sentence: string,
    readonly near: readonly string[] = [],
    readonly retryAfterS: number | null = null,
  ) {
    super(code);
  }

  /** Whether the same request may succeed later with nothing changed. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const sentences = messages(
  {
    offline: 'There is no connection to the server.',
    timeout: 'The server took too long to answer. Try again.',
    wrong_credentials: 'The name or the password is wrong.',
    name_taken: 'This name is taken. Choose another.',
    invalid_name: 'A name has 1 to 64 printable characters, with no space at either end.',
    password_too_short: 'A password needs at least 8 characters.',
    password_too_long: 'This password is too long: at most 72 bytes.',
    invalid_password: 'This password contains a character that cannot be used.',
    too_many_attempts: 'Too many attempts. Try again in {s} s.',
    too_many_requests: 'Too many requests. Try again in {s} s.',
    busy: 'Many people are logging in right now. Try again in a moment.',
    authorization_unavailable: 'Accounts are unavailable right now. Try again shortly.',
    database_unavailable: 'Portfolios are unavailable right now. Try again shortly.',
    redis_unavailable: 'Prices are unavailable right now. Try again shortly.',
    aggregator_unavailable: 'The market is unavailable right now. Try again shortly.',
    market_unavailable: 'Market data is unavailable right now.',
    history_unavailable: 'Price history is unavailable right now.',
    history_busy: 'Price history is in high demand right now. Try again in a moment.',
    prices_unavailable: 'Prices are unavailable right now.',
    symbols_unknown: 'The list of coins has not arrived yet. Try again shortly.',
    unknown_symbol: 'The exchange does not trade this symbol.',
    unknown_currency: 'A portfolio cannot be valued in this currency: the exchange has no rate into it.',
    invalid_symbol: 'This is not a valid symbol.',
    invalid_quantity: 'The amount must be greater than 0, with at most 20 digits before the point and 18 after it.',
    delisted: 'The exchange no longer trades this coin, so it cannot be added.',
    not_trading: 'The exchange is not trading this coin at the moment, so it cannot be added now.',
    coin_exists: 'This coin is already in your portfolio. Change its amount there.',
    coin_not_found: 'This coin is no longer in your portfolio.',
    too_many_coins: 'Your portfolio is full.',
    account_changed: 'The account was changed elsewhere at the same time. Try again.',
    account_mismatch: 'This portfolio belongs to an earlier account with the same number. Ask the operator of this server for help.',
    store_refuses: 'The server cannot save anything right now: its disk may be full. Try again later.',
    session_not_found: 'This session has already ended.',
    session_ended: 'Your session has ended. Log in again.',
    foreign_origin: 'The server does not accept requests from this address (PUBLIC_ORIGINS).',
    forbidden: "You don't have permission to do that.",
    invalid_request: 'The server did not accept this. Check what you entered.',
    not_supported: 'This server does not support this.',
    internal_error: 'Something went wrong on the server. Try again.',
    page_error: 'Something went wrong on this page. Reload it and try again.',
  },
  {
    offline: 'Нет связи с сервером.',
    timeout: 'Сервер слишком долго не отвечает. Попробуйте ещё раз.',
    wrong_credentials: 'Неверное имя или пароль.',
    name_taken: 'Это имя занято. Выберите другое.',
    invalid_name: 'Имя — от 1 до 64 печатных символов, без пробелов по краям.',
    password_too_short: 'В пароле должно быть не меньше 8 символов.',
    password_too_long: 'Пароль слишком длинный: не больше 72 байт.',
    invalid_password: 'В пароле есть недопустимый символ.',
    too_many_attempts: 'Слишком много попыток. Повторите через {s} с.',
    too_many_requests: 'Слишком много запросов. Повторите через {s} с.',
    busy: 'Сейчас входит слишком много людей. Попробуйте чуть позже.',
    authorization_unavailable: 'Аккаунты сейчас недоступны. Попробуйте чуть позже.',
    database_unavailable: 'Портфели сейчас недоступны. Попробуйте чуть позже.',
    redis_unavailable: 'Цены сейчас недоступны. Попробуйте чуть позже.',
    aggregator_unavailable: 'Рынок сейчас недоступен. Попробуйте чуть позже.',
    market_unavailable: 'Данные рынка сейчас недоступны.',
    history_unavailable: 'История цен сейчас недоступна.',
    history_busy: 'История цен сейчас перегружена запросами. Попробуйте чуть позже.',
    prices_unavailable: 'Цены сейчас недоступны.',
    symbols_unknown: 'Список монет ещё не получен. Попробуйте чуть позже.',
    unknown_symbol: 'На бирже нет такой торговой пары.',
    unknown_currency: 'Портфель нельзя оценить в этой валюте: на бирже нет курса к ней.',
    invalid_symbol: 'Недопустимое обозначение пары.',
    invalid_quantity: 'Количество должно быть больше 0: не более 20 цифр до запятой и 18 после.',
    delisted: 'Эта монета больше не торгуется на бирже, поэтому добавить её нельзя.',
    not_trading: 'Торги этой монетой сейчас приостановлены, поэтому добавить её пока нельзя.',
    coin_exists: 'Эта монета уже в портфеле: измените её количество там.',
    coin_not_found: 'Этой монеты уже нет в портфеле.',
    too_many_coins: 'Портфель заполнен.',
    account_changed: 'Аккаунт одновременно меняли в другом месте. Попробуйте ещё раз.',
    account_mismatch: 'Этот портфель принадлежит прежнему аккаунту с тем же номером. Обратитесь к администратору.',
    store_refuses: 'Сервер сейчас ничего не может сохранить: возможно, переполнен диск. Попробуйте позже.',
    session_not_found: 'Этот сеанс уже завершён.',
    session_ended: 'Сеанс завершён. Войдите снова.',
    foreign_origin: 'Сервер не принимает запросы с этого адреса (PUBLIC_ORIGINS).',
    forbidden: 'У вас нет прав на это действие.',
    invalid_request: 'Сервер отклонил запрос. Проверьте введённые данные.',
    not_supported: 'Этот сервер такого не поддерживает.',
    internal_error: 'На сервере произошла ошибка. Попробуйте ещё раз.',
    page_error: 'На странице произошла ошибка. Обновите её и попробуйте ещё раз.',
  },
);
const t = translator(sentences);

type Code = keyof typeof sentences.en;

/** Codes that share the sentence of another code. */
const SAME = new Map<string, Code>([
  ['invalid_token', 'session_ended'],
  ['missing_token', 'session_ended'],
  ['token_expired', 'session_ended'],
  ['invalid_access_token', 'session_ended'],
  ['invalid_refresh_token', 'session_ended'],
  ['missing_refresh_token', 'session_ended'],
  ['session_revoked', 'session_ended'],
  ['profile_missing', 'session_ended'],
  ['body_timeout', 'timeout'],
]);

/** A sentence for a person. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return t('page_error');
  const code = SAME.get(error.code) ?? error.code;
  if (!known(code)) return error.sentence || t('internal_error');
  return t(code, { s: error.retryAfterS ?? 10 });
}

function known(code: string): code is Code {
  return Object.hasOwn(sentences.en, code);
}
