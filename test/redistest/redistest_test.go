package redistest

import (
	"strings"
	"testing"
)

func TestServerLivesThroughEverything(t *testing.T) {
	t.Parallel()
	r := Start(t)
	r.Do("SET", "a", "1")
	if got := r.Do("GET", "a"); got != "1" {
		t.Fatalf("GET a: %q", got)
	}
	r.Flush()
	if got := r.Do("EXISTS", "a"); got != "0" {
		t.Errorf("a exists after Flush: %q", got)
	}
	r.Config("maxmemory-policy", "allkeys-lru")
	r.Pause()
	r.Resume()
	if _, err := r.Try("NO-SUCH-COMMAND"); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("a wrong command: %v", err)
	}
	r.Stop()
	if _, err := r.Try("PING"); err == nil {
		t.Error("a stopped server answers")
	}
	r.Restart()
	r.Do("PING")
	r.Kill()
}

func TestSentinelsFailOver(t *testing.T) {
	t.Parallel()
	s := StartSentinels(t, 1)
	first := s.Primary()
	if first != s.Nodes[0] {
		t.Fatalf("the primary is %v, want the first node", first)
	}
	s.Processes[0].Do("SENTINEL", "FAILOVER", MasterName)
	s.Nodes[1].Await("the replica is promoted", has("role:master"), "INFO", "replication")
}

func TestClusterServesEverySlot(t *testing.T) {
	t.Parallel()
	nodes := StartCluster(t)
	if out, err := nodes[0].Try("-c", "SET", "{meridian}:a", "1"); err != nil || !strings.Contains(out, "OK") {
		t.Errorf("SET through the Cluster: %q, %v", out, err)
	}
}
