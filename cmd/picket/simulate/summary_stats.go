package simulate

import (
	"math"
	"slices"
	"time"
)

// Times describes a sample of durations, in seconds.
type Times struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50_s"`
	P95 float64 `json:"p95_s"`
	Max float64 `json:"max_s"`
}

// timesOf summarises a sample. Percentiles are nearest rank: with fewer than 20
// values p95 is the largest. The sample is sorted in place.
func timesOf(sample []time.Duration) Times {
	if len(sample) == 0 {
		return Times{}
	}
	slices.Sort(sample)
	return Times{len(sample), seconds(percentile(sample, 0.5)), seconds(percentile(sample, 0.95)), seconds(sample[len(sample)-1])}
}

// percentile is the nearest-rank percentile of a sorted, non-empty sample.
func percentile(sorted []time.Duration, p float64) time.Duration {
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

// seconds rounds to the millisecond: more digits would claim more than a
// simulation knows.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// Share is a proportion with its 95 % confidence interval (Wilson).
type Share struct {
	Of    int     `json:"of"`
	Hits  int     `json:"hits"`
	Value float64 `json:"value"` // 0 if Of is
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// z95 is the two-sided 95 % quantile of the normal distribution.
const z95 = 1.959963984540054

// shareOf is hits of all. Of nothing nothing is known: the interval is 0 to 1.
func shareOf(hits, all int) Share {
	if all == 0 {
		return Share{High: 1}
	}
	n, p := float64(all), float64(hits)/float64(all)
	centre := (p + z95*z95/(2*n)) / (1 + z95*z95/n)
	half := z95 * math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n)) / (1 + z95*z95/n)
	return Share{all, hits, round(p), round(max(0, centre-half)), round(min(1, centre+half))}
}

// Rate is how often something happened per fleet-year, with the one-sided 95 %
// upper bound of a Poisson count: for none seen that is the rule of three.
type Rate struct {
	Count  int     `json:"count"`
	Years  float64 `json:"fleet_years"`
	Value  float64 `json:"per_fleet_year"`
	Upper  float64 `json:"upper_95"`        // 0 if no time was judged
	Target float64 `json:"per_target_year"` // the same, per target
}

func rateOf(count int, years float64, targetYears float64) Rate {
	r := Rate{Count: count, Years: round(years)}
	if years > 0 {
		r.Value, r.Upper = round(float64(count)/years), round(poissonUpper(count)/years)
	}
	if targetYears > 0 {
		r.Target = round(float64(count) / targetYears)
	}
	return r
}

// poissonUpper is the largest mean under which a count this small or smaller
// still has a chance of 5 %.
func poissonUpper(count int) float64 {
	low, high := 0.0, float64(count)+10*math.Sqrt(float64(count)+1)+10
	for range 100 {
		mid := (low + high) / 2
		if poissonCDF(count, mid) > 0.05 {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// poissonCDF is the chance of at most k events when mean are expected.
func poissonCDF(k int, mean float64) float64 {
	sum := 0.0
	for i := 0; i <= k; i++ {
		logFactorial, _ := math.Lgamma(float64(i) + 1)
		sum += math.Exp(float64(i)*math.Log(mean) - mean - logFactorial)
	}
	return sum
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }
