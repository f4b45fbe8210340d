/** The server's rules for a new password, checked before it leaves the page: of its composed form (NFC), as the server has it. */
const LEAST_CHARACTERS = 8;
const MOST_BYTES = 72;

export type PasswordFault = 'password_too_short' | 'password_too_long';

export function faultOf(password: string): PasswordFault | null {
  const composed = password.normalize('NFC');
  if ([...composed].length < LEAST_CHARACTERS) return 'password_too_short';
  return new TextEncoder().encode(composed).length > MOST_BYTES ? 'password_too_long' : null;
}
