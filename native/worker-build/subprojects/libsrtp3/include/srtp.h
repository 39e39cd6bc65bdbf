// Implements those functions of libsrtp 3 that mediasoup-worker calls, with the distribution's libsrtp 2.
//
// libsrtp 3 differs in two ways that matter here: a policy is an opaque object filled by setters,
// and a packet is read from one buffer and written to another (libsrtp 2 works in place).
#ifndef ONECAST_SRTP3_OVER_SRTP2_H
#define ONECAST_SRTP3_OVER_SRTP2_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

// libsrtp 2 has a struct of the same name.
#define srtp_policy_t srtp2_policy_t
#include <srtp2/srtp.h>
#undef srtp_policy_t

#include "aes_gcm.h"

// Error codes that libsrtp 2 does not define; its enum has room for values up to 31.
constexpr auto srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(28);
constexpr auto srtp_err_status_cryptex_err = static_cast<srtp_err_status_t>(29);

struct onecast_srtp_policy
{
	srtp2_policy_t policy{};
	uint8_t key[SRTP_MAX_KEY_LEN]{};
};

using srtp_policy_t = onecast_srtp_policy*;

inline srtp_err_status_t onecast_srtp_init()
{
	const auto err = srtp_init();

	return err ? err : onecast_gcm_by_openssl();
}

// A macro, because a function without parameters cannot be overloaded.
#define srtp_init onecast_srtp_init

inline srtp_err_status_t srtp_policy_create(srtp_policy_t* policy)
{
	*policy = new (std::nothrow) onecast_srtp_policy();

	return *policy ? srtp_err_status_ok : srtp_err_status_alloc_fail;
}

inline void srtp_policy_destroy(srtp_policy_t policy)
{
	if (policy)
	{
		// These bytes are a key. The compiler may remove a plain memset before delete.
		volatile uint8_t* bytes = policy->key;

		for (size_t i = 0; i < sizeof(policy->key); ++i)
		{
			bytes[i] = 0;
		}
	}

	delete policy;
}

inline srtp_err_status_t srtp_policy_set_ssrc(srtp_policy_t policy, srtp_ssrc_t ssrc)
{
	policy->policy.ssrc = ssrc;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_profile(srtp_policy_t policy, srtp_profile_t profile)
{
	const auto err = srtp_crypto_policy_set_from_profile_for_rtp(&policy->policy.rtp, profile);

	return err ? err : srtp_crypto_policy_set_from_profile_for_rtcp(&policy->policy.rtcp, profile);
}

inline srtp_err_status_t srtp_policy_add_key(
  srtp_policy_t policy,
  const uint8_t* key,
  size_t keyLen,
  const uint8_t* salt,
  size_t saltLen,
  const uint8_t* /*mki*/,
  size_t mkiLen)
{
	if (mkiLen != 0 || keyLen + saltLen > sizeof(policy->key))
	{
		return srtp_err_status_bad_param;
	}

	std::memcpy(policy->key, key, keyLen);
	std::memcpy(policy->key + keyLen, salt, saltLen);
	policy->policy.key = policy->key;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_allow_repeat_tx(srtp_policy_t policy, bool allow)
{
	policy->policy.allow_repeat_tx = allow ? 1 : 0;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_window_size(srtp_policy_t policy, size_t size)
{
	policy->policy.window_size = size;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_create(srtp_t* session, srtp_policy_t policy)
{
	return srtp_create(session, &policy->policy);
}

// Both versions expect the SSRC in network byte order.
inline srtp_err_status_t srtp_stream_remove(srtp_t session, uint32_t ssrc)
{
	return srtp_remove_stream(session, ssrc);
}

namespace onecast
{
	using InPlace = srtp_err_status_t (*)(srtp_t, void*, int*);

	// `room` is the number of bytes that an operation may add. `outLen` is the size of `out` on entry and
	// the length of the result on return.
	inline srtp_err_status_t Copied(
	  InPlace operation, srtp_t session, const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen, size_t room)
	{
		if (inLen + room > *outLen)
		{
			return srtp_err_status_buffer_small;
		}

		if (out != in)
		{
			std::memmove(out, in, inLen);
		}

		int len        = static_cast<int>(inLen);
		const auto err = operation(session, out, &len);

		if (!err)
		{
			*outLen = static_cast<size_t>(len);
		}

		return err;
	}
} // namespace onecast

inline srtp_err_status_t srtp_protect(
  srtp_t session, const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen, size_t /*mkiIndex*/)
{
	return onecast::Copied(::srtp_protect, session, in, inLen, out, outLen, SRTP_MAX_TRAILER_LEN);
}

// SRTCP adds an index of 4 bytes to what SRTP adds.
inline srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen, size_t /*mkiIndex*/)
{
	return onecast::Copied(::srtp_protect_rtcp, session, in, inLen, out, outLen, SRTP_MAX_TRAILER_LEN + 4);
}

inline srtp_err_status_t srtp_unprotect(
  srtp_t session, const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen)
{
	return onecast::Copied(::srtp_unprotect, session, in, inLen, out, outLen, 0);
}

inline srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen)
{
	return onecast::Copied(::srtp_unprotect_rtcp, session, in, inLen, out, outLen, 0);
}

#endif
