package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/memberlist"

	"picket/internal/fleet"
)

// metaVersion is the format of what a member tells about itself. Later versions
// may append fields; a reader takes what it knows and skips the rest.
const metaVersion = 1

// The flags. Their bits are for ever.
const (
	flagVoting = 1 << 0
	flagUplink = 1 << 1
)

// The most bytes of each text, chosen so that the whole stays below memberlist's
// 512 even with the longest numbers; what is longer is cut.
const (
	maxSite    = 130 // "client/site"
	maxClient  = 64
	maxNetwork = 64
	maxRegion  = 48
	maxVersion = 48
	maxWhy     = 40
)

// about is what a member tells about itself. Its name is not in it: memberlist
// carries that. The slot is not either: no phase may depend on gossip.
type about struct {
	seat  fleet.Seat
	facts Facts
}

// appendMeta encodes a:
//
//	version (1 byte), flags (1 byte), config (uvarint),
//	site, client, network, region, software version, why not (each: length byte, text)
func appendMeta(dst []byte, a about) []byte {
	var flags byte
	if a.facts.Voting {
		flags |= flagVoting
	}
	if a.facts.Uplink {
		flags |= flagUplink
	}
	dst = append(dst, metaVersion, flags)
	dst = binary.AppendUvarint(dst, a.facts.Config)
	for _, f := range []struct {
		text string
		most int
	}{
		{a.seat.Site, maxSite}, {a.seat.Client, maxClient}, {a.seat.Network, maxNetwork},
		{a.seat.Region, maxRegion}, {a.facts.Version, maxVersion}, {a.facts.Why, maxWhy},
	} {
		text := cut(clean(f.text), f.most)
		dst = append(dst, byte(len(text)))
		dst = append(dst, text...)
	}
	return dst
}

// clean replaces what others would refuse.
func clean(s string) string {
	if printable(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// cut shortens s to at most n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

var errMeta = errors.New("malformed member metadata")

// parseMeta decodes what a member tells about itself. The texts end up on
// people's terminals: what cannot be printed is refused.
func parseMeta(b []byte) (about, error) {
	if len(b) < 2 || len(b) > memberlist.MetaMaxSize {
		return about{}, fmt.Errorf("%w: %d bytes", errMeta, len(b))
	}
	if b[0] < metaVersion {
		return about{}, fmt.Errorf("%w: version %d", errMeta, b[0])
	}
	a := about{facts: Facts{Voting: b[1]&flagVoting != 0, Uplink: b[1]&flagUplink != 0}}
	config, n := binary.Uvarint(b[2:])
	if n <= 0 {
		return about{}, fmt.Errorf("%w: config", errMeta)
	}
	a.facts.Config = config
	b = b[2+n:]
	for _, into := range []*string{&a.seat.Site, &a.seat.Client, &a.seat.Network, &a.seat.Region, &a.facts.Version, &a.facts.Why} {
		if len(b) == 0 || int(b[0]) > len(b)-1 {
			return about{}, fmt.Errorf("%w: cut off", errMeta)
		}
		text := string(b[1 : 1+b[0]])
		if !printable(text) {
			return about{}, fmt.Errorf("%w: %q", errMeta, text)
		}
		*into, b = text, b[1+len(text):]
	}
	return a, nil
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// The longest metadata must fit; this fails to compile if it does not.
var _ [memberlist.MetaMaxSize - (2 + binary.MaxVarintLen64 + 6 + maxSite + maxClient + maxNetwork + maxRegion + maxVersion + maxWhy)]struct{}
var _ [math.MaxUint8 - maxSite]struct{}
