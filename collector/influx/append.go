package influx

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Limits of what goes into a line. InfluxDB itself allows 64 KiB for a series
// key and for a string field.
const (
	maxTag   = 256
	maxField = 1024
)

// appendTag appends ",key=value" with the value escaped, nothing if it is
// empty. The protocol has no way to write a control character or a backslash
// at the end of a tag: the former become "_", the latter gets a "_" behind it.
func appendTag(dst []byte, key, value string) []byte {
	value = cut(value, maxTag)
	if value == "" {
		return dst
	}
	dst = appendKey(dst, key)
	if plain(value) {
		return append(dst, value...)
	}
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case c == ',' || c == '=' || c == ' ':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = append(dst, '_')
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(value[i:])
			dst = utf8.AppendRune(dst, r) // U+FFFD for what is no UTF-8
			i += size
			continue
		default:
			dst = append(dst, c)
		}
		i++
	}
	if dst[len(dst)-1] == '\\' {
		dst = append(dst, '_')
	}
	return dst
}

// appendString appends `,key="value"` with the value escaped, nothing if it is
// empty. Line breaks become spaces: a line of ours is one line, or it could not
// be bisected.
func appendString(dst []byte, key, value string) []byte {
	value = cut(value, maxField)
	if value == "" {
		return dst
	}
	dst = appendKey(dst, key)
	dst = append(dst, '"')
	if plain(value) {
		dst = append(dst, value...)
		return append(dst, '"')
	}
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = append(dst, ' ')
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(value[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}

// plain says whether value can stand as it is, as nearly all do, be it a tag or
// a string.
func plain(value string) bool {
	for i := range len(value) {
		switch c := value[i]; {
		case c <= ' ', c >= 0x7f, c == ',', c == '=', c == '"', c == '\\':
			return false
		}
	}
	return true
}

func appendKey(dst []byte, key string) []byte {
	dst = append(dst, ',')
	dst = append(dst, key...)
	return append(dst, '=')
}

func appendInt(dst []byte, key string, v int64) []byte {
	dst = appendKey(dst, key)
	dst = strconv.AppendInt(dst, v, 10)
	return append(dst, 'i')
}

func appendBool(dst []byte, key string, v bool) []byte {
	if v {
		return appendInt(dst, key, 1)
	}
	return appendInt(dst, key, 0)
}

// appendFloat writes v as a float whatever its value; NaN and infinities,
// which the protocol does not have, are left out.
func appendFloat(dst []byte, key string, v float64) []byte {
	if v-v != 0 {
		return dst
	}
	dst = appendKey(dst, key)
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// appendMicros appends a phase, nothing if it did not happen.
func appendMicros(dst []byte, key string, d time.Duration) []byte {
	if d <= 0 {
		return dst
	}
	return appendInt(dst, key, d.Microseconds())
}

// appendEnd appends the timestamp and the end of the line.
func appendEnd(dst []byte, at time.Time) []byte {
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, at.UnixMilli(), 10)
	return append(dst, '\n')
}

// firstField turns the comma that the first field put at position i into the
// space between tags and fields.
func firstField(dst []byte, i int) []byte {
	dst[i] = ' '
	return dst
}

// cut shortens s to n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
