package agent

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// residentBytes is the memory this process holds: what the kernel counts as
// resident where /proc tells, else what the Go runtime has mapped.
func residentBytes() uint64 {
	if src, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(src)); len(f) > 1 {
			if pages, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				return pages * uint64(os.Getpagesize())
			}
		}
	}
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// cpu is the mean load of this process since its start, in percent of one core,
// as the Go runtime counts it (it is refreshed at garbage collections).
func (a *Agent) cpu() float64 {
	s := []metrics.Sample{{Name: "/cpu/classes/user:cpu-seconds"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindFloat64 || s[1].Value.Kind() != metrics.KindFloat64 {
		return 0
	}
	used := s[0].Value.Float64() + s[1].Value.Float64()
	return 100 * used / max(1, time.Since(a.started).Seconds())
}
