//! What the methods of `orders.v1.Orders` answer.

use std::{pin::Pin, time::Duration};

use futures_util::stream::{self, Stream};
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Request, Response, Status};
use tower_ready_problem::{Problem, types};

use crate::{
    http::{App, asker},
    orders::{Asker, NewOrder, Order},
    proto::{self, orders_server::Orders},
    slow,
};

/// The service, over the same domain as the HTTP routes.
pub(crate) struct GrpcOrders(pub(crate) App);

#[tonic::async_trait]
impl Orders for GrpcOrders {
    async fn get(
        &self,
        request: Request<proto::GetRequest>,
    ) -> Result<Response<proto::Order>, Status> {
        let order = self.0.orders.get(request.get_ref().id, who(&request));
        Ok(Response::new(order.into()))
    }

    async fn create(
        &self,
        request: Request<proto::CreateRequest>,
    ) -> Result<Response<proto::Order>, Status> {
        let asker = who(&request);
        let proto::CreateRequest { item, quantity } = request.into_inner();
        // The problem becomes INVALID_ARGUMENT with a BadRequest that names each field.
        let order = NewOrder::new(item, quantity.into())?;
        Ok(Response::new(self.0.orders.create(&order, asker).into()))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<proto::Order, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let asker = who(&request);
        let orders = self.0.orders.clone();
        let asked = request.into_inner();
        let every = Duration::from_millis(asked.every_ms.into());
        let watched = stream::unfold((0, Instant::now()), move |(sent, due)| {
            let order = orders.get(u64::from(sent) + 1, asker.clone());
            async move {
                if asked.fail_after != 0 && sent == asked.fail_after {
                    let broken = Status::unavailable("the stream breaks, as it was asked to");
                    // tonic asks for no more after an error.
                    return Some((Err(broken), (sent, due)));
                }
                if sent == asked.chunks {
                    return None;
                }
                if !every.is_zero() {
                    sleep_until(due).await;
                }
                Some((Ok(order.into()), (sent + 1, due + every)))
            }
        });
        Ok(Response::new(Box::pin(watched)))
    }

    async fn slow(
        &self,
        request: Request<proto::SlowRequest>,
    ) -> Result<Response<proto::SlowReply>, Status> {
        let asker = who(&request);
        slow::work(request.get_ref().ms, &asker.request_id).await;
        Ok(Response::new(proto::SlowReply {}))
    }

    async fn fail(
        &self,
        request: Request<proto::FailRequest>,
    ) -> Result<Response<proto::FailReply>, Status> {
        let proto::FailRequest { code, message } = request.into_inner();
        match i32::try_from(code) {
            Ok(0) => Ok(Response::new(proto::FailReply {})),
            Ok(code @ 1..=16) => Err(Status::new(Code::from_i32(code), message)),
            _ => {
                let problem = Problem::new(&types::INVALID_CONTENT);
                Err(problem.violation("/code", "must be 0 to 16").into())
            }
        }
    }

    async fn panic(
        &self,
        _: Request<proto::PanicRequest>,
    ) -> Result<Response<proto::PanicReply>, Status> {
        panic!("do not show this: 4711")
    }
}

fn who<T>(request: &Request<T>) -> Asker {
    asker(request.metadata().as_ref(), request.extensions())
}

impl From<Order> for proto::Order {
    fn from(order: Order) -> Self {
        let Order { id, by, request_id } = order;
        Self { id, by, request_id }
    }
}
