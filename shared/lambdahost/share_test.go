package lambdahost

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTakeShare_FollowsTheMemory(t *testing.T) {
	const none = math.MaxInt64
	all := runtime.GOMAXPROCS(0)
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(all)
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	for _, c := range []struct {
		memory string
		own    map[string]string
		want   share
	}{
		{"256", nil, share{1, 400, 192 << 20}},
		{"1768", nil, share{1, 400, 1326 << 20}},
		{"3538", nil, share{min(2, all), 400, 5307 << 19}}, // no more processors than there are
		{"", nil, share{all, 100, none}},
		{"much", nil, share{all, 100, none}},
		{"256", map[string]string{"GOMAXPROCS": "2", "GOGC": "50", "GOMEMLIMIT": "100MiB"}, share{all, 100, none}},
	} {
		runtime.GOMAXPROCS(all)
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(none)
		takeShare(func(name string) string {
			if name == "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" {
				return c.memory
			}
			return c.own[name]
		})
		got := share{runtime.GOMAXPROCS(0), debug.SetGCPercent(100), debug.SetMemoryLimit(-1)}
		if got != c.want {
			t.Errorf("with %q MB and %v: %+v, want %+v", c.memory, c.own, got, c.want)
		}
	}
}
