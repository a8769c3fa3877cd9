package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	infoFormat = 1
	// maxName bounds the names of clients, sites and regions.
	maxName = 256
	// maxPolicy bounds each list of a policy.
	maxPolicy = 256
)

// Info is what an agent knows of itself besides its keys: agent.json.
type Info struct {
	Agent  string   `json:"agent"`            // its id, as in the certificate
	Client string   `json:"client"`           // whose site it stands at
	Site   string   `json:"site"`             // where it stands
	Region string   `json:"region,omitempty"` // vantage region; "" means unknown
	Addrs  []string `json:"addrs"`            // collector host:port, tried in order; 1 to 8
	Policy Policy   `json:"policy"`           // what may be probed from here
}

// Policy narrows or widens what an agent may probe. It is the site's word, kept
// at the site: no collector can change it. How the lists combine is the agent's.
type Policy struct {
	Allow []netip.Prefix `json:"allow,omitempty"` // at most 256
	Deny  []netip.Prefix `json:"deny,omitempty"`  // at most 256
}

// valid says what keeps i from being stored or used.
func (i Info) valid() error {
	if err := checkID(i.Agent); err != nil {
		return err
	}
	for what, name := range map[string]string{"client": i.Client, "site": i.Site, "region": i.Region} {
		if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return fmt.Errorf("%s must be at most %d bytes of text", what, maxName)
		}
	}
	if err := checkAddrs(i.Addrs); err != nil {
		return err
	}
	for what, list := range map[string][]netip.Prefix{"allow": i.Policy.Allow, "deny": i.Policy.Deny} {
		if len(list) > maxPolicy {
			return fmt.Errorf("policy %s has %d prefixes instead of at most %d", what, len(list), maxPolicy)
		}
		for _, p := range list {
			// A prefix of IPv4 addresses in IPv6 clothes matches nothing, and
			// a deny that matches nothing is a hole.
			if !p.IsValid() || p.Addr().Is4In6() {
				return fmt.Errorf("policy %s: %q must be a prefix such as 10.0.0.0/8 or fd00::/8", what, p)
			}
		}
	}
	return nil
}

// infoFile is agent.json. Unknown keys are of a newer version and are let be,
// but the policy must be there and is read strictly: a misspelt deny must not
// open what it should close.
type infoFile struct {
	Format int `json:"format"`
	Info
	Policy json.RawMessage `json:"policy,omitempty"` // hides Info.Policy
}

func encodeInfo(i Info) ([]byte, error) {
	if err := i.valid(); err != nil {
		return nil, err
	}
	policy, err := json.Marshal(i.Policy)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(infoFile{Format: infoFormat, Info: i, Policy: policy}, "", "  ")
	return append(b, '\n'), err
}

func decodeInfo(b []byte) (Info, error) {
	if len(b) > maxFile {
		return Info{}, fmt.Errorf("%d bytes are too long", len(b))
	}
	var f infoFile
	if err := json.Unmarshal(b, &f); err != nil {
		return Info{}, err
	}
	if f.Format != infoFormat {
		return Info{}, fmt.Errorf("format %d, known is %d: a newer version wrote it", f.Format, infoFormat)
	}
	if len(f.Policy) == 0 {
		return Info{}, errors.New(`"policy" is missing (write {} for none)`)
	}
	dec := json.NewDecoder(bytes.NewReader(f.Policy))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f.Info.Policy); err != nil {
		return Info{}, fmt.Errorf("policy: %w", err)
	}
	return f.Info, f.Info.valid()
}
