use super::{super::tests::Memory, *};
use crate::fetch::tests::sha512;

fn incoming(room: usize) -> Incoming<Memory> {
    Incoming::new(Arc::new(Semaphore::new(room)))
}

fn integrity(bytes: &[u8]) -> Integrity {
    Integrity::parse(&sha512(bytes)).unwrap()
}

#[test]
fn what_has_come_is_taken_in_and_the_rest_at_the_end() {
    let (store, tarball) = (Memory::default(), vec![7; 5 * PIECE + 1]);
    for cut in [2 * PIECE + 3, tarball.len()] {
        let incoming = incoming(1);
        assert!(incoming.claim() && !incoming.claim());
        incoming.body().push(&tarball[..cut]);
        incoming.advance(&store, || true);
        assert!(incoming.claim() && !incoming.is_of_use());
        incoming.body().push(&tarball[cut..]);
        let body = incoming.body().take();
        assert!(incoming.is_of_use());
        assert_eq!(incoming.end(&store, &body, &integrity(&tarball)), Some(tarball.clone()));
        assert_eq!(incoming.end(&store, &body, &integrity(&tarball)), None, "it is there already");
    }
}

#[test]
fn wrong_bytes_are_left_to_the_import_of_the_whole() {
    let (store, tarball) = (Memory::default(), vec![7; 3 * PIECE]);
    let incoming = incoming(1);
    incoming.body().push(&tarball);
    incoming.advance(&store, || true);
    assert_eq!(incoming.end(&store, &incoming.body().take(), &integrity(b"other")), None);
}

#[test]
fn nothing_is_begun_while_others_wait_or_without_room() {
    let (store, tarball) = (Memory::default(), vec![7; 3 * PIECE]);
    for (room, has_time) in [(1, false), (0, true)] {
        let incoming = incoming(room);
        incoming.body().push(&tarball);
        incoming.advance(&store, || has_time);
        let body = incoming.body().take();
        assert!(!incoming.is_of_use());
        assert_eq!(incoming.end(&store, &body, &integrity(&tarball)), None);
    }
}

#[test]
fn if_little_was_taken_in_the_whole_is_imported() {
    let (store, tarball) = (Memory::default(), vec![7; 9 * PIECE]);
    let incoming = incoming(1);
    incoming.body().push(&tarball[..2 * PIECE]);
    incoming.advance(&store, || true);
    incoming.body().push(&tarball[2 * PIECE..]);
    assert_eq!(incoming.end(&store, &incoming.body().take(), &integrity(&tarball)), None);
}

#[test]
fn what_broke_off_gives_its_place_to_another_even_where_there_is_no_time() {
    let store = Memory::default();
    let room = Arc::new(Semaphore::new(1));
    let incoming = Incoming::new(room.clone());
    incoming.body().push(&[7; 3 * PIECE]);
    incoming.advance(&store, || true);
    assert_eq!(room.available_permits(), 0);
    incoming.body().give_up();
    incoming.advance(&store, || false);
    assert_eq!(room.available_permits(), 1);
    assert!(!incoming.is_of_use());
}

#[test]
fn nothing_is_begun_of_a_body_that_has_come() {
    let store = Memory::default();
    let room = Arc::new(Semaphore::new(1));
    let incoming = Incoming::new(room.clone());
    incoming.body().push(&[7; PIECE]);
    incoming.body().take();
    incoming.advance(&store, || true);
    assert_eq!((room.available_permits(), incoming.is_of_use()), (1, false));
}

#[test]
fn it_is_of_use_though_all_has_come_before_the_pool_was_done_with_a_part() {
    let (store, tarball) = (Memory::default(), vec![7; 3 * PIECE]);
    let incoming = incoming(1);
    incoming.body().push(&tarball);
    let (body, asked) = (std::cell::RefCell::new(Vec::new()), std::cell::Cell::new(0));
    incoming.advance(&store, || {
        asked.set(asked.get() + 1);
        if asked.get() == 3 {
            body.replace(incoming.body().take());
            assert!(incoming.is_of_use());
        }
        true
    });
    assert_eq!(incoming.end(&store, &body.into_inner(), &integrity(&tarball)), Some(tarball));
}
