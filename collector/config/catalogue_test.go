package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"picket/internal/fleet"
	"picket/probes"
)

func TestTheCatalogueIsWorthHaving(t *testing.T) {
	f := Defaults()
	t.Logf("%d targets, %d checks", len(f.Targets), len(f.Fleet().Checks))
	if len(f.Targets) < 60 || len(f.Targets) > 120 {
		t.Errorf("%d targets, expected about 60 and the references", len(f.Targets))
	}
	references, resolvers := 0, map[string]bool{}
	providers := map[string]int{}
	for _, target := range f.Targets {
		if target.Reference {
			references++
			if target.Provider != "" {
				t.Errorf("%s: a reference belongs to no provider", target.ID)
			}
			resolvers[target.Checks[0].Spec.Host] = true
			continue
		}
		providers[target.Provider]++
		if target.Service == "" || target.Name == "" {
			t.Errorf("%s has no service or no name for people", target.ID)
		}
	}
	if references < 5 || len(resolvers) != references {
		t.Errorf("%d references on %d hosts", references, len(resolvers))
	}
	for _, p := range []string{"aws", "azure", "m365", "gcp", "cloudflare"} {
		if providers[p] < 3 {
			t.Errorf("provider %s has %d targets", p, providers[p])
		}
	}
	for _, p := range f.Providers {
		if providers[p.ID] == 0 {
			t.Errorf("provider %s has no target", p.ID)
		}
	}
}

// TestTheCatalogueFitsAMeteredLine adds up what the catalogue costs a site.
// The sizes are estimates from the handshakes of large sites, both directions
// with headers: a TLS handshake 5.5 kB (a chain of three certificates), an
// answer 1.5 kB, a TCP handshake 0.4 kB, a question and answer of DNS 0.3 kB,
// once more for every name that a check resolves.
func TestTheCatalogueFitsAMeteredLine(t *testing.T) {
	cost := func(c fleet.Check) float64 {
		switch {
		case c.Spec.Kind == probes.DNS:
			return 300
		case c.Spec.Kind == probes.TCP:
			return 700
		case c.Spec.Kind == probes.Ping:
			return 900
		case c.Spec.Plain:
			return 2_200
		case c.Spec.Kind == probes.TLS:
			return 5_800
		default:
			return 7_300
		}
	}
	month := 30 * 24 * time.Hour
	total := 0.0
	for _, c := range Defaults().Fleet().Checks {
		total += cost(c) * float64(month/c.Interval)
	}
	t.Logf("%.2f GB a month", total/1e9)
	if total > 5e9 {
		t.Errorf("%.2f GB a month, 5 are allowed", total/1e9)
	}
}

// testCA makes a certificate in PEM form.
func testCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
