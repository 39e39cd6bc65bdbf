// The part of ankerl::unordered_dense that mediasoup-worker uses, implemented with Abseil's tables. The
// worker links Abseil anyway, and earlier versions of mediasoup used these tables themselves.
#ifndef ONECAST_UNORDERED_DENSE_OVER_ABSL_H
#define ONECAST_UNORDERED_DENSE_OVER_ABSL_H

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

namespace onecast
{
	// Abseil's erase(iterator) returns nothing; the worker expects the next element, as with std.
	template<typename Table>
	class StdErase : public Table
	{
	public:
		using Table::Table;
		using Table::erase;

		typename Table::iterator erase(typename Table::iterator it)
		{
			Table::erase(it++);

			return it;
		}
	};
} // namespace onecast

namespace ankerl::unordered_dense
{
	template<typename Key>
	using hash = absl::Hash<Key>;

	template<typename Key, typename Value, typename Hash = absl::Hash<Key>>
	using map = onecast::StdErase<absl::flat_hash_map<Key, Value, Hash>>;

	template<typename Key, typename Hash = absl::Hash<Key>>
	using set = onecast::StdErase<absl::flat_hash_set<Key, Hash>>;
} // namespace ankerl::unordered_dense

#endif
