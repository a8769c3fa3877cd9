//go:build !windows

package probes

func newPinger() Pinger { return new(goPing) }
