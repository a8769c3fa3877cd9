package doctor

import "regexp"

// Redact takes secrets out of a text that was not written with the world in mind:
// join tokens, private keys, passwords in addresses, credentials in headers, and
// what is called a password, secret or key. It removes too much rather than too
// little, and leaves the rest readable.
func Redact(s string) string {
	for _, r := range rules() {
		s = r.what.ReplaceAllString(s, r.by)
	}
	return s
}

type rule struct {
	what *regexp.Regexp
	by   string
}

// rules are made once a text: texts are rare, and nothing is shared.
func rules() []rule {
	return []rule{
		{regexp.MustCompile(`pk1_[A-Za-z0-9_-]*`), "pk1_[removed]"},
		{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`), "[private key removed]"},
		{regexp.MustCompile(`://[^/\s"']*@`), "://[removed]@"},
		{regexp.MustCompile(`(?i)\b(basic|bearer|negotiate|ntlm)\s+[A-Za-z0-9+/=._~-]{6,}`), "$1 [removed]"},
		{regexp.MustCompile(`(?i)((?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|authorization|cookie|credentials?)\\?["']?\s*[:=]\s*)(\\"[^"\\]*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;}"']+)`), "$1[removed]"},
		{regexp.MustCompile(`([?&](?:sig|signature|key|code|auth|access|sas)=)[^&\s"']+`), "$1[removed]"},
	}
}
