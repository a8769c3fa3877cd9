package identity

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestEnrolmentIsStoredClosedAndComesBack(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	for _, name := range []string{fileAgentKey, fileAgentCert, fileRoot, fileInfo} {
		if info, err := os.Stat(filepath.Join(b.dir, name)); err != nil || bits && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	got, err := LoadBundle(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.AgentID() != alice || got.Pin() != a.Pin() || !got.NotAfter().Equal(b.NotAfter()) || !reflect.DeepEqual(got.Info(), infoOf(alice)) {
		t.Errorf("came back as %+v", got.Info())
	}
	if m := open(t, at(a.ServerTLS(everybody(t)), spring)).meet(t, at(got.ClientTLS(), spring)); !m.ok() {
		t.Errorf("%+v", m)
	}
}

func TestDirectoriesWithoutAnIdentity(t *testing.T) {
	_, err := LoadBundle(t.TempDir())
	wantErr(t, "empty", err, ErrNotEnrolled)
	_, err = LoadBundle(filepath.Join(t.TempDir(), "nowhere"))
	wantErr(t, "missing", err, ErrNotEnrolled)

	// An enrolment cut short before its last file may be repeated.
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	_, err = SaveBundle(b.dir, b.key, signed(t, a, b.key, alice, spring), a.Root(), infoOf(alice))
	wantErr(t, "twice", err, ErrEnrolled)
	if err := os.Remove(filepath.Join(b.dir, fileAgentCert)); err != nil {
		t.Fatal(err)
	}
	_, err = LoadBundle(b.dir)
	wantErr(t, "cut short", err, ErrNotEnrolled)
	key := newTestKey(t)
	if _, err := SaveBundle(b.dir, key, signed(t, a, key, "another", spring), a.Root(), infoOf("another")); err != nil {
		t.Errorf("repeated: %v", err)
	}
}

func TestEnrolmentIsVerifiedBeforeItIsStored(t *testing.T) {
	a, other := newAuthority(t, spring), newAuthority(t, spring)
	key := newTestKey(t)
	chain := signed(t, a, key, alice, spring)
	bad := infoOf(alice)
	bad.Addrs = nil
	mapped := infoOf(alice)
	mapped.Policy.Deny = []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}
	for name, save := range map[string]func(dir string) (*Bundle, error){
		"another key": func(dir string) (*Bundle, error) {
			return SaveBundle(dir, newTestKey(t), chain, a.Root(), infoOf(alice))
		},
		"another root":  func(dir string) (*Bundle, error) { return SaveBundle(dir, key, chain, other.Root(), infoOf(alice)) },
		"another agent": func(dir string) (*Bundle, error) { return SaveBundle(dir, key, chain, a.Root(), infoOf("bob")) },
		"no addresses":  func(dir string) (*Bundle, error) { return SaveBundle(dir, key, chain, a.Root(), bad) },
		"a deny that matches nothing": func(dir string) (*Bundle, error) {
			return SaveBundle(dir, key, chain, a.Root(), mapped)
		},
		"no chain": func(dir string) (*Bundle, error) { return SaveBundle(dir, key, nil, a.Root(), infoOf(alice)) },
	} {
		dir := t.TempDir()
		if _, err := save(dir); err == nil {
			t.Errorf("%s: stored", name)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s: left %v, %v", name, entries, err)
		}
	}
	both := append(other.Root(), a.Root()...)
	b, err := SaveBundle(t.TempDir(), key, chain, both, infoOf(alice))
	if err != nil || b.Pin() != a.Pin() {
		t.Errorf("trust of two roots: %v", err)
	}
}

func TestRenewalThatDoesNotBelongHereChangesNothing(t *testing.T) {
	a, other := newAuthority(t, spring), newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	before, err := os.ReadFile(filepath.Join(b.dir, fileAgentCert))
	if err != nil {
		t.Fatal(err)
	}
	inUse := b.cert.Load()
	for name, chain := range map[string][]byte{
		"another key":   signed(t, a, newTestKey(t), alice, spring),
		"another root":  signed(t, other, b.key, alice, spring),
		"another agent": signed(t, a, b.key, "bob", spring),
		"garbage":       []byte("garbage"),
		"nothing":       nil,
		"cut off":       before[:len(before)/2],
		"a key":         mustKeyPEM(t, b),
	} {
		if err := b.Install(chain); err == nil {
			t.Errorf("%s: installed", name)
		}
	}
	after, err := os.ReadFile(filepath.Join(b.dir, fileAgentCert))
	if err != nil || !bytes.Equal(before, after) || b.cert.Load() != inUse {
		t.Errorf("something changed, %v", err)
	}
}

func mustKeyPEM(t *testing.T, b *Bundle) []byte {
	t.Helper()
	pem, err := encodeKey(b.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

func TestInfoIsReplacedWhole(t *testing.T) {
	b := enrol(t, newAuthority(t, spring), alice, spring)
	info := b.Info()
	info.Addrs[0] = "changed in the caller's copy:1"
	if b.Info().Addrs[0] != "127.0.0.1:4443" {
		t.Error("the caller's copy is the bundle's own")
	}
	info.Addrs = []string{"collector.example.net:443"}
	if err := b.SetInfo(info); err != nil {
		t.Fatal(err)
	}
	got, err := LoadBundle(b.dir)
	if err != nil || !reflect.DeepEqual(got.Info(), info) {
		t.Errorf("came back as %+v, %v", got, err)
	}
	info.Agent = "bob"
	wantErr(t, "another agent", b.SetInfo(info), ErrRole)
	info.Agent, info.Site = alice, "acme\x00madrid"
	if b.SetInfo(info) == nil {
		t.Error("a control character was stored")
	}
}

func TestMisspeltPolicyIsRefused(t *testing.T) {
	const rest = `{"format":1,"agent":"a","client":"c","site":"c/s","addrs":["h:1"],"later":true,`
	got, err := decodeInfo([]byte(rest + `"policy":{"deny":["10.0.0.0/8"]}}`))
	if err != nil || len(got.Policy.Deny) != 1 {
		t.Errorf("good: %+v, %v", got, err)
	}
	for _, policy := range []string{
		`"policy":{"deney":["10.0.0.0/8"]}}`, `"polizy":{}}`, `"policy":{"deny":["10.0.0.0"]}}`, `"policy":{"deny":"all"}}`, `"policy":[]}`, `"policy":{}} x`,
	} {
		if _, err := decodeInfo([]byte(rest + policy)); err == nil {
			t.Errorf("%s was read", policy)
		}
	}
	if _, err := decodeInfo([]byte(strings.Replace(rest, `"format":1`, `"format":2`, 1) + `"policy":{}}`)); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("newer format: %v", err)
	}
}

func TestBundleThatOthersMayTouchIsRefused(t *testing.T) {
	if !bits {
		t.Skip("permission bits mean nothing on this system")
	}
	a := newAuthority(t, spring)
	for _, c := range []struct {
		file string
		mode os.FileMode
		say  string
	}{
		{fileAgentKey, 0o640, "agent.key (mode 0640) can be read"},
		{fileInfo, 0o646, "agent.json (mode 0646) can be written"},
		{fileRoot, 0o666, "root.crt (mode 0666) can be written"},
		{".", 0o770, "can be written by other users"},
	} {
		b := enrol(t, a, alice, spring)
		if err := os.Chmod(filepath.Join(b.dir, c.file), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadBundle(b.dir); err == nil || !strings.Contains(err.Error(), c.say) || errors.Is(err, ErrNotEnrolled) {
			t.Errorf("%s: %v, want %q", c.file, err, c.say)
		}
	}
}

func TestDamagedBundleIsNotTakenForNone(t *testing.T) {
	a := newAuthority(t, spring)
	for _, name := range []string{fileAgentKey, fileAgentCert, fileRoot, fileInfo} {
		b := enrol(t, a, alice, spring)
		path := filepath.Join(b.dir, name)
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadBundle(b.dir); err == nil || errors.Is(err, ErrNotEnrolled) {
			t.Errorf("garbage in %s: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadBundle(b.dir); err == nil || errors.Is(err, ErrNotEnrolled) != (name == fileAgentCert) {
			t.Errorf("no %s: %v", name, err)
		}
	}
}

func TestBundleIsUsedFromManySides(t *testing.T) {
	a := newAuthority(t, spring)
	b := enrol(t, a, alice, spring)
	d := open(t, at(a.ServerTLS(everybody(t)), spring))
	client := at(b.ClientTLS(), spring)
	chain := signed(t, a, b.key, alice, spring)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20 {
			if err := b.Install(chain); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range 20 {
			if err := b.SetInfo(b.Info()); err != nil {
				t.Error(err)
			}
		}
	})
	for range 10 {
		if m := d.meet(t, client); !m.ok() {
			t.Errorf("%+v", m)
		}
	}
	wg.Wait()
}

func TestPreparedDirectory(t *testing.T) {
	fresh := filepath.Join(t.TempDir(), "a", "b")
	if err := PrepareDir(fresh); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(fresh); err != nil || bits && info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	file := filepath.Join(fresh, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := PrepareDir(file); err == nil {
		t.Error("a file was taken for a directory")
	}
	if !bits {
		return
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := PrepareDir(fresh); err != nil {
		t.Errorf("somebody's directory, closed to writers: %v", err)
	}
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the mode of somebody's directory was changed: %v, %v", info, err)
	}
}

func FuzzInfo(f *testing.F) {
	good, err := encodeInfo(infoOf(alice))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := decodeInfo(b)
		if err != nil {
			return
		}
		again, err := encodeInfo(info)
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		if back, err := decodeInfo(again); err != nil || back.Agent != info.Agent || len(back.Policy.Deny) != len(info.Policy.Deny) {
			t.Fatalf("%+v came back as %+v, %v", info, back, err)
		}
	})
}

func FuzzPEM(f *testing.F) {
	a := newAuthority(f, spring)
	key := newTestKey(f)
	chain := signed(f, a, key, alice, spring)
	keyPEM, err := encodeKey(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(chain)
	f.Add(keyPEM)
	f.Add(append(chain, a.Root()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if certs, err := decodeCerts(b); err == nil && (len(certs) == 0 || len(certs) > maxChain) {
			t.Fatalf("%d certificates", len(certs))
		}
		if k, err := decodeKey(b); err == nil && !isP256(&k.PublicKey) {
			t.Fatal("a key of another kind")
		}
		// Whatever it is, it is either exactly Alice's chain or refused.
		if cert, err := checkChain(b, key, a.root, alice); err == nil && cert.Leaf.URIs[0].String() != agentPrefix+alice {
			t.Fatalf("accepted %v", cert.Leaf.URIs)
		}
	})
}
