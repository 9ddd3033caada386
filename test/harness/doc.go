// Package harness is what the tests with real processes share: the built binary, processes whose log can be awaited,
// servers over a folder of their own, HTTP backends that can be killed and revived, a real dig, and waiting.
//
//	var meridian harness.Binary
//
//	func TestMain(m *testing.M) { os.Exit(harness.Main(m, &meridian, "dig=bind9-dnsutils")) }
//
//	s := meridian.NewServer(t, "127.0.0.1", harness.Files{"meridian.yaml": "…PORT…ADMIN…"}).Start()
//	s.AwaitAnswer([]string{"www.glb.test", "A"}, "192.0.2.1")
//
// Nothing here sleeps: every wait is for an event (a line of a log, a readiness page, an answer), with a deadline.
// Processes end with the test that started them, and with the test binary if that dies.
package harness
