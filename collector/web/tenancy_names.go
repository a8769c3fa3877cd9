package web

import "strings"

// names finds any of many names in texts, in time that grows with the text and
// not with the number of names: a big fleet has thousands, and a viewer's list of
// incidents hundreds of texts.
//
// Names and texts are read as tokens, which are words (a-z, 0-9, and all bytes
// beyond ASCII) or single other bytes. A name stands in a text when its tokens
// follow each other there, so "acme" is in "at acme/madrid" and not in "acmeist".
//
// The keys are what names begin with, token by token, in lower case; the value
// says that a whole name ends there. From each token of a text one looks on while
// there is a key.
type names map[string]bool

// namesOf makes the finder of the keys of all. The empty name stands in every
// text.
func namesOf(all map[string]bool) names {
	n := make(names, 4*len(all))
	for name := range all {
		name = strings.ToLower(name)
		for end := 0; end < len(name); {
			end = tokenEnd(name, end)
			n[name[:end]] = n[name[:end]] || end == len(name)
		}
		if name == "" {
			n[""] = true
		}
	}
	return n
}

// in says whether a name stands in s, in capitals or not.
func (n names) in(s string) bool {
	if n[""] {
		return true
	}
	s = strings.ToLower(s)
	for from := 0; from < len(s); from = tokenEnd(s, from) {
		for end := from; end < len(s); {
			end = tokenEnd(s, end)
			whole, begun := n[s[from:end]]
			if whole {
				return true
			}
			if !begun {
				break
			}
		}
	}
	return false
}

// tokenEnd is where the token ends that begins at from, which is inside s.
func tokenEnd(s string, from int) int {
	end := from + 1
	if wordy(s[from]) {
		for end < len(s) && wordy(s[end]) {
			end++
		}
	}
	return end
}

// wordy says whether c is part of a word in lower case.
func wordy(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80
}
