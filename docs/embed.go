// Package docs holds the pages that Picket explains itself with at a prompt:
// those of the codes that joining and the doctor (E) and a look at the
// configuration (W) print. They are files, so that they can be read in the
// repository as well, and embedded, because a machine that cannot join cannot
// look anything up either.
package docs

import (
	"embed"
	"strings"
)

//go:embed errors/*.md
var pages embed.FS

// IsCode says whether s has the form of a code: E or W, and three digits.
func IsCode(s string) bool {
	if len(s) != 4 || !strings.ContainsRune("EeWw", rune(s[0])) {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

// Page is the page of a code, in Markdown that reads well as it is. false: there
// is none.
func Page(code string) (string, bool) {
	if !IsCode(code) {
		return "", false
	}
	b, err := pages.ReadFile("errors/" + strings.ToUpper(code) + ".md")
	return string(b), err == nil
}

// Codes is a line for each code, in order.
func Codes() string {
	entries, err := pages.ReadDir("errors")
	if err != nil {
		return "" // the folder is embedded: it cannot be missing
	}
	var out strings.Builder
	for _, e := range entries {
		page, _ := Page(strings.TrimSuffix(e.Name(), ".md"))
		title, _, _ := strings.Cut(strings.TrimPrefix(page, "# "), "\n")
		out.WriteString(title + "\n")
	}
	return out.String()
}
