package main

import (
	"fmt"
	"testing"

	"picket/collector/config"
)

func TestSetupBehindAProxy(t *testing.T) {
	r := newTrial(t, "--yes", "--http", "0.0.0.0:0", "--tls", "proxy", "--name", "picket.msp.example", "--trusted-proxy", "192.0.2.5, 2001:db8::/64")
	if code, out := r.run(""); code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	f, _, err := config.Load(r.answer["config"])
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.BehindProxy, f.TrustedProxies); got != "true [192.0.2.5/32 2001:db8::/64]" {
		t.Error(got)
	}
}
