// A broadcaster as small as Pion's own example: it forwards one publisher's stream to all viewers.
// Offers arrive by HTTP, and the answer is the response. If the offer has a data channel, its messages
// are forwarded too. -plain disables Pion's interceptors (NACK, RTCP reports, TWCC).
package main

import (
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc"
)

type broadcast struct {
	api       *webrtc.API
	mutex     sync.Mutex
	track     *webrtc.TrackLocalStaticRTP
	publisher *webrtc.PeerConnection
	ssrc      uint32
	channels  []*webrtc.DataChannel
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8190", "where offers come to")
	ip := flag.String("ip", "127.0.0.1", "the address for media")
	plain := flag.Bool("plain", false, "no interceptors")
	flag.Parse()

	media := &webrtc.MediaEngine{}
	must(media.RegisterDefaultCodecs())
	registry := &interceptor.Registry{}
	if !*plain {
		must(webrtc.RegisterDefaultInterceptors(media, registry))
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIPFilter(func(candidate net.IP) bool { return candidate.String() == *ip })

	track, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "bench")
	must(err)
	b := &broadcast{
		api: webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry),
			webrtc.WithSettingEngine(settings)),
		track: track,
	}
	http.HandleFunc("/publish", b.answering(b.publish))
	http.HandleFunc("/watch", b.answering(b.watch))
	log.Fatal(http.ListenAndServe(*listen, nil))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func (b *broadcast) answering(prepare func(*webrtc.PeerConnection) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := b.answer(r, prepare)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (b *broadcast) answer(
	r *http.Request, prepare func(*webrtc.PeerConnection) error,
) (*webrtc.SessionDescription, error) {
	var offer webrtc.SessionDescription
	if err := json.NewDecoder(r.Body).Decode(&offer); err != nil {
		return nil, err
	}
	peer, err := b.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	if err := prepare(peer); err != nil {
		return nil, err
	}
	if strings.Contains(offer.SDP, "m=application") {
		if err := b.openChannel(peer, r.URL.Path == "/publish"); err != nil {
			return nil, err
		}
	}
	if err := peer.SetRemoteDescription(offer); err != nil {
		return nil, err
	}
	answer, err := peer.CreateAnswer(nil)
	if err != nil {
		return nil, err
	}
	gathered := webrtc.GatheringCompletePromise(peer)
	if err := peer.SetLocalDescription(answer); err != nil {
		return nil, err
	}
	<-gathered
	return peer.LocalDescription(), nil
}

// A negotiated channel like the overlay's: unordered, 500 ms lifetime of a message.
func (b *broadcast) openChannel(peer *webrtc.PeerConnection, publishes bool) error {
	negotiated, ordered, id, lifetime := true, false, uint16(0), uint16(500)
	channel, err := peer.CreateDataChannel("overlay", &webrtc.DataChannelInit{
		Negotiated: &negotiated, ID: &id, Ordered: &ordered, MaxPacketLifeTime: &lifetime,
	})
	if err != nil {
		return err
	}
	if publishes {
		channel.OnMessage(func(message webrtc.DataChannelMessage) {
			b.mutex.Lock()
			defer b.mutex.Unlock()
			for _, other := range b.channels {
				_ = other.SendText(string(message.Data))
			}
		})
		return nil
	}
	channel.OnOpen(func() {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		b.channels = append(b.channels, channel)
	})
	return nil
}

func (b *broadcast) publish(peer *webrtc.PeerConnection) error {
	peer.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go func() {
			for {
				if _, _, err := receiver.ReadRTCP(); err != nil {
					return
				}
			}
		}()
		b.mutex.Lock()
		b.publisher, b.ssrc = peer, uint32(remote.SSRC())
		b.mutex.Unlock()
		packet := make([]byte, 1500)
		for {
			n, _, err := remote.Read(packet)
			if err != nil {
				return
			}
			_, _ = b.track.Write(packet[:n])
		}
	})
	return nil
}

func (b *broadcast) watch(peer *webrtc.PeerConnection) error {
	sender, err := peer.AddTrack(b.track)
	if err != nil {
		return err
	}
	// Interceptors only see packets that are read.
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, _, err := sender.Read(buffer)
			if err != nil {
				return
			}
			packets, err := rtcp.Unmarshal(buffer[:n])
			if err != nil {
				continue
			}
			for _, packet := range packets {
				if _, isPli := packet.(*rtcp.PictureLossIndication); isPli {
					b.requestKeyFrame()
				}
			}
		}
	}()
	b.requestKeyFrame()
	return nil
}

func (b *broadcast) requestKeyFrame() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.publisher != nil {
		_ = b.publisher.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: b.ssrc}})
	}
}
