use super::*;

#[test]
fn the_disk_is_that_of_the_innermost_mount() {
    let mounts = "a / ext4 rw 0 0\nb /dev tmpfs rw 0 0\nc /dev/shm ramfs rw 0 0\nd /devices xfs rw 0 0\n";
    let disk = |path: &str| disk(mounts, Path::new(path)).unwrap();
    assert_eq!(disk("/dev/shm/x"), "ramfs");
    assert_eq!(disk("/dev/x"), "tmpfs");
    assert_eq!(disk("/home/x"), "ext4");
}

#[test]
fn of_two_mounts_on_one_folder_the_later_one_is_seen() {
    assert_eq!(disk("a / ext4 rw\nb /m xfs rw\nc /m tmpfs rw\n", Path::new("/m")).unwrap(), "tmpfs");
}

#[test]
fn a_field_is_found_by_its_name() {
    let text = "processor\t: 0\nmodel name\t: Some CPU\nmodel name\t: Other\n";
    assert_eq!(field(text, "model name").unwrap(), "Some CPU");
    assert_eq!(field(text, "flags"), None);
}

#[test]
fn a_description_names_what_changes_a_measurement() {
    let machine =
        Machine { cpu: "Some CPU".into(), cores: 2, memory: 8, kernel: "linux 6.1".into(), disk: "tmpfs".into() };
    assert_eq!(machine.describe(), "Some CPU, 2 cores, 8 GiB of memory, linux 6.1, tmpfs");
}
