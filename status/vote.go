package status

import "time"

// Vote is one checker's verdict on one target, with what it last saw there.
type Vote struct {
	Health   Health    // Unknown: the checker abstains (it has not seen enough, or distrusts its own network)
	Withheld float64   // 0..1, with Up: the share of its traffic that the endpoint should be spared, because it is slow or asks for it
	Load     float64   // with Up: the endpoint's load, as a share of what it can carry, from IdleLoad to MaxLoad; 0: not known
	Since    time.Time // when the checker came to this verdict, by its own clock: to be shown, never to be compared
	Evidence Evidence
}

// Evidence is the latest observation behind a vote.
type Evidence struct {
	Reason      string        // short and exact: "HTTP 200 OK", "connection refused"; empty: nothing observed yet
	Status      int           // HTTP status code; 0: the endpoint gave none
	Latency     time.Duration // of the whole probe; 0: not measured
	CertExpires time.Time     // end of the certificate's validity; zero: no certificate was shown
}

// CertDaysLeft returns how many whole days the certificate is still valid, negative once it has expired.
// It returns false when no certificate was shown.
func (e Evidence) CertDaysLeft(now time.Time) (int, bool) {
	if e.CertExpires.IsZero() {
		return 0, false
	}
	left := e.CertExpires.Sub(now)
	days := int(left / (24 * time.Hour))
	if left < 0 {
		days-- // expired an hour ago is -1, not 0
	}
	return days, true
}

// Ballot is all the votes of one checker. A published Ballot is never written again.
type Ballot struct {
	Vantage string          // who votes; each checker has a name of its own
	Votes   map[string]Vote // by target
	Doubt   string          // why the checker distrusts itself, and abstains on every target; empty: it doesn't
}

// Arrival is a ballot as a board hands it out.
type Arrival struct {
	Ballot Ballot
	Age    time.Duration // since it arrived at the board, measured there: no two machines' clocks are compared
}
