#include "net/app_rec.h"

#define LINE_LOOK 512 /* RFC 5321 4.5.3.1.5: a reply line */

/* A line that is not there to its end may still be long enough to judge. */
static bool text_line(const struct pay *y)
{
	uint32_t i;

	for (i = 0; i < y->len && i < LINE_LOOK; i++) {
		uint8_t c = pay_u8(y, i);

		if (c == '\r' || c == '\n')
			return i >= 3;
		if (c < 0x20 && c != '\t')
			return false;
	}
	return i >= 8;
}

/* Whether the first line holds a word, in capitals. */
static bool line_finds(const struct pay *y, const char *lit, size_t n)
{
	uint32_t max = y->len < LINE_LOOK ? y->len : LINE_LOOK;
	const uint8_t *lf = memchr(y->p, '\n', max);

	return memmem(y->p, lf ? (size_t)(lf - y->p) : max, lit, n) != NULL;
}

#define LINE_FINDS(y, lit) line_finds((y), (lit), sizeof(lit) - 1)

static bool smtp_port(const struct pay *y)
{
	return pay_port(y, 25) || pay_port(y, 587) || pay_port(y, 2525);
}

/* "220 mail.example ESMTP": SMTP (RFC 5321 4.2), FTP (RFC 959 4.2) and NNTP
 * (RFC 3977 5.1) tell themselves by the text, else by the port. */
static enum app reply(const struct pay *y)
{
	if (!is_digit(pay_u8(y, 1)) || !is_digit(pay_u8(y, 2)) ||
	    (pay_u8(y, 3) != ' ' && pay_u8(y, 3) != '-') || !text_line(y))
		return APP_NONE;
	if (smtp_port(y))
		return APP_SMTP;
	if (pay_port(y, 21))
		return APP_FTP;
	if (pay_port(y, 119))
		return APP_NNTP;
	if (pay_u8(y, 1) == '2' && pay_u8(y, 2) == '0') {
		if (LINE_FINDS(y, "SMTP"))
			return APP_SMTP;
		if (LINE_FINDS(y, "FTP"))
			return APP_FTP;
	}
	return APP_NONE;
}

/* A command of the connection's own port; case does not matter (RFC 5321 2.4,
 * RFC 959 5.3, RFC 1939 3). */
static bool command(const struct pay *y, const char (*words)[5], size_t n)
{
	uint8_t c;
	size_t i;

	for (i = 0; i < n; i++) {
		uint32_t k;

		for (k = 0; words[i][k] && upper(pay_u8(y, k)) == words[i][k]; k++)
			;
		c = pay_u8(y, k);
		if (!words[i][k] && (c == ' ' || c == '\r' || c == '\n'))
			return text_line(y);
	}
	return false;
}

#define COMMAND(y, words) command((y), (words), sizeof(words) / sizeof((words)[0]))

static enum app port_command(const struct pay *y)
{
	static const char smtp[][5] = {"EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET",
				       "NOOP", "QUIT", "VRFY", "AUTH", "HELP"};
	static const char ftp[][5] = {"USER", "PASS", "SYST", "FEAT", "PORT", "PASV", "EPSV",
				      "EPRT", "TYPE", "RETR", "STOR", "LIST", "NLST", "CWD",
				      "PWD",  "QUIT", "SIZE", "MDTM", "AUTH", "OPTS", "NOOP"};
	static const char pop3[][5] = {"USER", "PASS", "APOP", "STAT", "LIST", "RETR", "DELE",
				       "NOOP", "QUIT", "TOP",  "UIDL", "CAPA", "STLS", "AUTH"};
	static const char nntp[][5] = {"MODE", "HEAD", "BODY", "STAT", "LIST", "NEXT",
				       "LAST", "QUIT", "POST", "OVER", "HELP", "DATE"};

	if (smtp_port(y))
		return COMMAND(y, smtp) ? APP_SMTP : APP_NONE;
	if (pay_port(y, 21))
		return COMMAND(y, ftp) ? APP_FTP : APP_NONE;
	if (pay_port(y, 110))
		return COMMAND(y, pop3) ? APP_POP3 : APP_NONE;
	if (pay_port(y, 119))
		return COMMAND(y, nntp) ? APP_NNTP : APP_NONE;
	return APP_NONE;
}

/* "a001 LOGIN": a tag and a command (RFC 9051 2.2.1). */
static bool imap_command(const struct pay *y)
{
	static const char *const words[] = {"CAPABILITY", "LOGIN ",   "AUTHENTICATE ", "STARTTLS",
					    "SELECT ",    "LOGOUT",   "NAMESPACE",     "EXAMINE ",
					    "LIST \"",    "STATUS ",  "ENABLE ",       "OK LOGIN",
					    "OK CAPAB",   "UID FETCH"};
	uint32_t at = 0;
	size_t i;

	while (at < 16 && is_alnum(pay_u8(y, at)))
		at++;
	if (!at || pay_u8(y, at) != ' ')
		return false;
	at++;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint32_t k;

		for (k = 0; words[i][k] && upper(pay_u8(y, at + k)) == words[i][k]; k++)
			;
		if (!words[i][k])
			return true;
	}
	return false;
}

/* RFC 2812 3.1, and the server's first words. */
static bool irc_line(const struct pay *y)
{
	uint32_t at;

	if (PAY_IS(y, 0, "NOTICE AUTH :") || PAY_IS(y, 0, "NICK ") || PAY_IS(y, 0, "CAP LS"))
		return (pay_port(y, 6667) || LINE_FINDS(y, "AUTH :") ||
			PAY_FINDS(y, 256, "\r\nUSER ") || PAY_FINDS(y, 256, "\nNICK ")) &&
		       text_line(y);
	if (PAY_IS(y, 0, "USER ") || PAY_IS(y, 0, "PASS "))
		return (LINE_FINDS(y, " :") || PAY_FINDS(y, 256, "\nNICK ")) && !pay_port(y, 21) &&
		       !pay_port(y, 110) && text_line(y);
	if (y->p[0] != ':')
		return false;
	for (at = 1; at < 128 && pay_u8(y, at) > ' '; at++)
		;
	return pay_u8(y, at) == ' ' && at > 1 &&
	       (PAY_IS(y, at, " NOTICE ") || PAY_IS(y, at, " 001 ") || PAY_IS(y, at, " 020 "));
}

enum app mail_tcp(const struct pay *y)
{
	uint8_t c = y->p[0];

	if (y->len < 5 || c < 0x20 || c >= 0x7f)
		return APP_NONE;
	if (c >= '1' && c <= '5') {
		enum app app = reply(y);

		if (app)
			return app;
	}
	if (PAY_IS(y, 0, "EHLO ") || PAY_IS(y, 0, "HELO ") || PAY_IS(y, 0, "MAIL FROM:<") ||
	    PAY_IS(y, 0, "RCPT TO:<"))
		return text_line(y) ? APP_SMTP : APP_NONE;
	if (PAY_IS(y, 0, "+OK ") || (PAY_IS(y, 0, "+OK\r\n") && pay_port(y, 110)))
		return text_line(y) ? APP_POP3 : APP_NONE;
	if (pay_port(y, 143) && (c == '*' || is_alnum(c)) && text_line(y))
		return APP_IMAP;
	if (c == '*')
		return PAY_IS(y, 0, "* OK ") || PAY_IS(y, 0, "* OK [") ||
				       PAY_IS(y, 0, "* PREAUTH ") || PAY_IS(y, 0, "* CAPABILITY ")
			       ? APP_IMAP
			       : APP_NONE;
	if (irc_line(y) || (pay_port(y, 6667) && (is_upper(c) || c == ':') && text_line(y)))
		return APP_IRC;
	if (is_alnum(c) && imap_command(y))
		return APP_IMAP;
	return port_command(y);
}
