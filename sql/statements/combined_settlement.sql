-- settle_subscriptions for one of many stores, as a part of a statement for all of them.
select eventstore.settle_subscriptions(
    $1[@:@], $2[@:@], $3[@:@], $4[@:@], $5[@:@], $6[@:@], $7[@:@], $8[@:@], $9[@:@], $10[@:@], $11[@:@], $12[@:@],
    $13[@:@], $14[@:@], $15[@:@])::bigint[] as codes
