//! The debug info of a program on tokio against the program itself, in this very process: a spawned task is read from its join handle down
//! to the local variable of the `.await` it is parked on.

use memleak_core::debuginfo::layouts::TypeTable;
use memleak_core::debuginfo::load::Binary;
use memleak_core::debuginfo::names;
use memleak_core::debuginfo::types::{Type, TypeId, TypeKind, Types as _};
use std::mem::offset_of;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

struct Session {
    id: u64,
}

struct Holder {
    handle: JoinHandle<u32>,
    sender: mpsc::Sender<Session>,
    receiver: mpsc::Receiver<Session>,
    unbounded: mpsc::UnboundedSender<Session>,
    once: oneshot::Sender<Session>,
    waits: oneshot::Receiver<Session>,
    mutex: Mutex<Session>,
    notify: Notify,
    sleep: tokio::time::Sleep,
}

async fn parked(session: Session, notify: Arc<Notify>) -> u32 {
    let local = session;
    notify.notified().await;
    local.id as u32
}

fn holder_type(table: &TypeTable) -> std::rc::Rc<Type> {
    let found = names::find(table, Some("Holder"), &|name| name == "tokio_types::Holder").unwrap();
    table.get(table.id_of(found[0].die))
}

fn field(ty: &Type, name: &str) -> (usize, TypeId) {
    let TypeKind::Struct { fields } = &ty.kind else { panic!("{ty:?}") };
    let field = fields.iter().find(|field| &*field.name == name);
    let field = field.unwrap_or_else(|| panic!("no {name}: {ty:?}"));
    (field.offset as usize, field.ty)
}

/// Through fields of fields.
fn path(table: &TypeTable, mut id: TypeId, names: &[&str]) -> (usize, TypeId) {
    let mut at = 0;
    for name in names {
        let (offset, ty) = field(&table.get(id), name);
        (at, id) = (at + offset, ty);
    }
    (at, id)
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn active(table: &TypeTable, id: TypeId, bytes: &[u8]) -> (String, TypeId) {
    let ty = table.get(id);
    let TypeKind::Enum { discriminant, variants, .. } = &ty.kind else { panic!("{ty:?}") };
    let value = discriminant.map(|at| number(&bytes[at.offset as usize..(at.offset + at.size) as usize]));
    let selected = variants.iter().find(|variant| value.is_some_and(|value| variant.values.contains(&value)));
    let variant = selected.or_else(|| variants.iter().find(|variant| variant.values.is_empty())).unwrap();
    (variant.name.to_string(), variant.ty)
}

#[test]
fn tokio_types_have_the_layout_that_the_program_uses() {
    let binary = Binary::current().unwrap();
    let table = TypeTable::new(&binary);
    let ty = holder_type(&table);
    assert_eq!(ty.size as usize, size_of::<Holder>());
    macro_rules! check {
        ($($field:ident: $ty:ty;)*) => {$(
            let (at, id) = field(&ty, stringify!($field));
            assert_eq!((at, table.get(id).size as usize), (offset_of!(Holder, $field), size_of::<$ty>()));
        )*};
    }
    check! {
        handle: JoinHandle<u32>;
        sender: mpsc::Sender<Session>;
        receiver: mpsc::Receiver<Session>;
        unbounded: mpsc::UnboundedSender<Session>;
        once: oneshot::Sender<Session>;
        waits: oneshot::Receiver<Session>;
        mutex: Mutex<Session>;
        notify: Notify;
        sleep: tokio::time::Sleep;
    }
}

#[tokio::test]
async fn a_parked_task_is_read_down_to_its_locals() {
    let (sender, receiver) = mpsc::channel(1);
    let (once, waits) = oneshot::channel();
    let notify = Arc::new(Notify::new());
    let holder = Holder {
        handle: tokio::spawn(parked(Session { id: 0x5e55_0001 }, Arc::clone(&notify))),
        sender,
        receiver,
        unbounded: mpsc::unbounded_channel().0,
        once,
        waits,
        mutex: Mutex::new(Session { id: 1 }),
        notify: Notify::new(),
        sleep: tokio::time::sleep(std::time::Duration::ZERO),
    };
    tokio::task::yield_now().await;

    let binary = Binary::current().unwrap();
    let table = TypeTable::new(&binary);
    let (at, raw) = path(&table, field(&holder_type(&table), "handle").1, &["raw", "ptr", "pointer"]);
    assert!(matches!(table.get(raw).kind, TypeKind::Pointer { target: Some(_) }));
    // SAFETY: the handle is a live value and the pointer in it has this type.
    let cell = unsafe { (&raw const holder.handle).byte_add(at).cast::<*const u8>().read() };

    let task = "tokio::runtime::task::core::Cell<tokio_types::parked::{async_fn_env#0}, ";
    let found = names::find(&table, Some("Cell"), &|name| name.starts_with(task)).unwrap();
    assert!(!found.is_empty());
    let id = table.id_of(found[0].die);
    let ty = table.get(id);
    let parameters: Vec<_> =
        ty.parameters.iter().map(|(name, id)| (&**name, table.get(*id).name.to_string())).collect();
    assert_eq!(parameters[0], ("T", "tokio_types::parked::{async_fn_env#0}".to_owned()));
    assert_eq!(parameters[1].0, "S");
    // SAFETY: the task is alive, has this type, and is not being polled: this is its runtime's only thread.
    let bytes = unsafe { std::slice::from_raw_parts(cell, ty.size as usize) };
    assert_eq!(field(&ty, "header").0, 0);
    let (stage_at, stage) = path(&table, id, &["core", "stage", "stage", "__0", "value"]);
    let (state, running) = active(&table, stage, &bytes[stage_at..]);
    assert_eq!(state, "Running");
    let (future_at, future) = field(&table.get(running), "__0");
    let future_at = stage_at + future_at;
    let (state, suspended) = active(&table, future, &bytes[future_at..]);
    assert_eq!(state, "Suspend0");
    let (local_at, local) = field(&table.get(suspended), "local");
    assert_eq!(&*table.get(local).name, "tokio_types::Session");
    let (id_at, _) = field(&table.get(local), "id");
    assert_eq!(number(&bytes[future_at + local_at + id_at..][..8]), 0x5e55_0001);

    notify.notify_one();
    assert_eq!(holder.handle.await.unwrap(), 0x5e55_0001);
}
